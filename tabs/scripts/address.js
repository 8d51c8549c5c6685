// The page's address: ?tab=… and all that this tab holds, written once something was changed by
// hand, so that it can be shared, reloaded, and walked with Back and Forward.
//
// While one types, the entry of the history is replaced; after a second's rest, or on a change of
// tab, a new one is pushed. In a Space the page is in a frame of another origin: Spaces hand the
// outer address's query in when the frame is opened, and write it at a message with `queryString`
// (https://huggingface.co/docs/hub/spaces-handle-url-parameters).
(() => {
  const REST = 1000; // milliseconds
  const TABS = ["classification", "regression", "autograd"];
  const queries = {}; // of each tab that was changed, without `tab`
  let settled = location.search; // the entry that Back is to come to
  let timer;
  // Whether the visitor did anything at all: Gradio tells of its own changes as if they were theirs.
  let touched = false;
  for (const kind of ["pointerdown", "keydown", "input"])
    addEventListener(kind, () => (touched = true), true);
  let byHand = false; // whether a tab was clicked on

  const tabOf = (search) => {
    const query = new URLSearchParams(search);
    const asked = query.get("tab") ?? (query.has("f") ? "autograd" : TABS[0]);
    return TABS.includes(asked) ? asked : TABS[0]; // the server says that there is no such tab
  };
  let tab = tabOf(location.search);

  const searchOf = () => {
    const query = new URLSearchParams({ tab });
    for (const [key, value] of new URLSearchParams(queries[tab] ?? "")) query.set(key, value);
    const lang = new URLSearchParams(location.search).get("lang");
    if (lang) query.set("lang", lang);
    return `?${query}`;
  };

  const put = (search, how) => {
    history[how](history.state, "", search || location.pathname);
    if (window.parent !== window)
      window.parent.postMessage({ queryString: search.replace(/^\?/, "") }, "*");
  };

  const settle = () => {
    clearTimeout(timer);
    const search = location.search;
    if (search === settled) return;
    put(settled, "replaceState");
    put(search, "pushState");
    settled = search;
  };

  const write = () => {
    if (searchOf() !== location.search) put(searchOf(), "replaceState");
    clearTimeout(timer);
    timer = setTimeout(settle, REST);
  };

  const open = () => document.querySelector("#open-address")?.click();

  Object.assign(page, {
    tabOf: () => tabOf(location.search),
    // The tab `name` shows what the address asks for, which is `query`.
    holds: (name, query) => {
      queries[name] = query;
    },
    // The tab `name` was changed by hand, and now holds `query`.
    changed: (name, query) => {
      const same = (queries[name] ?? "") === query;
      queries[name] = query;
      if (touched && !same && name === tab) write();
    },
    // The tab `name` is shown now; Gradio says so of the first one too, before it is told another.
    turned: (name) => {
      if (!byHand || name === tab) return;
      byHand = false;
      settle();
      tab = name;
      put(searchOf(), "pushState");
      settled = location.search;
    },
    keepInAddress: (key, value) => {
      const query = new URLSearchParams(location.search);
      query.set(key, value);
      put(`?${query}`, "replaceState");
      settled = location.search;
    },
  });

  // Gradio reads what to draw from here: the tab that the address names from the first, for drawing
  // another before it would make the page jump.
  let config;
  const draw = (given) => {
    config = given;
    const tabs = config.components.find(({ props }) => props.elem_id === "tabs");
    if (tabs) tabs.props.selected = tab;
  };
  Object.defineProperty(window, "gradio_config", { get: () => config, set: draw, configurable: true });

  const isTab = (element) => element.closest("#tabs > .tab-wrapper button") !== null;
  addEventListener("click", (event) => (byHand = byHand || isTab(event.target)), true);

  addEventListener("popstate", () => {
    clearTimeout(timer);
    touched = false;
    settled = location.search;
    tab = tabOf(settled);
    if (window.parent !== window)
      window.parent.postMessage({ queryString: settled.replace(/^\?/, "") }, "*");
    open();
  });
})();
