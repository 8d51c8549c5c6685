// The visitor's language: one for Gradio's words, for ours, and for the server's answers.
//
// It is what the switch on the page was last set to; before that, what the browser asks for. The
// choice is kept in localStorage or, where that is refused (in a frame of a browser that blocks
// third-party cookies), in the address. Runs before Gradio, which asks `navigator.language` once.
(() => {
  const stored = () => {
    try {
      return localStorage.getItem("language");
    } catch {
      return null;
    }
  };
  const store = (language) => {
    try {
      localStorage.setItem("language", language);
      return true;
    } catch {
      return false;
    }
  };
  const asked = [new URLSearchParams(location.search).get("lang"), stored(), navigator.language];
  let language = /^zh\b/i.test(asked.find((each) => each)) ? "zh" : "en";
  const locale = () => (language === "zh" ? "zh-CN" : "en");
  Object.defineProperty(navigator, "language", { get: locale, configurable: true });

  // Gradio has no public way to change its locale: this is the function behind its settings.
  const changeLocale = async () => {
    const loaded = performance.getEntriesByType("resource").map((each) => each.name);
    const core = await import(loaded.find((name) => /\/assets\/core-[^/]*\.js$/.test(name)));
    core.changeLocale(locale());
  };

  const words = () => window.gradio_config.i18n_translations[locale()];

  const show = () => {
    document.documentElement.lang = locale();
    document.title = words()["app.name"];
    for (const button of document.querySelectorAll("[data-language]"))
      button.setAttribute("aria-pressed", String(button.dataset.language === language));
  };

  const choose = async (chosen) => {
    if (chosen === language) return;
    language = chosen;
    if (!store(language)) page.keepInAddress("lang", language);
    show();
    document.querySelector("#name-tabs")?.click();
    await changeLocale();
    page.again();
  };

  window.page = {
    // What every listener is told of the visitor, as JSON; see listeners.py.
    visitor: () => JSON.stringify({ language, place: location.search.slice(1) }),
    // Have every answer on the page made again: in another language, or after the line was lost.
    again: () => document.querySelector("#again")?.click(),
    // One of the page's texts, as the server would say it.
    say: (key) => words()[key],
    // Gradio has drawn the page: an update of its tabs.
    openTab: () => {
      show();
      return { __type__: "update", selected: page.tabOf() };
    },
    nameTabs: (ids) => ids.map((id) => ({ __type__: "update", label: words()[`app.${id}`] })),
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-language]");
    if (button) choose(button.dataset.language);
  });
})();
