// One way in for every picture on Classify: dropped, pasted, chosen or an example. Gradio's own
// takes a picture only in its box, keeps the upload that ends last rather than the one begun last,
// turns away what the browser knows no type of (HEIC), and says what went wrong in a toast.
(() => {
  const RETRY = 2000; // milliseconds
  const PARTS = ["picture", "preview", "words", "probabilities", "heat-map"];
  // Lies under the server's preview: of HEIC and TIFF most browsers would show a broken image.
  const NOTHING = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=";
  let begun = new AbortController(); // the upload that was begun last
  let given = [null, ""]; // what it came to: a picture, or the status that it was refused with

  const panel = () => document.getElementById("classify");
  const isShown = () => panel()?.offsetParent != null;
  const isTyping = (target) => target.closest?.("input:not([type=file]), textarea, [contenteditable]");

  const upload = async (file, signal) => {
    const { root, api_prefix: prefix, max_file_size: limit } = window.gradio_config;
    if (limit && file.size > limit) return [null, "413"];
    const body = new FormData();
    body.append("files", file, file.name);
    for (;;) {
      const answer = await fetch(`${root}${prefix}/upload`, { method: "POST", body, signal }).catch(() => null);
      if (signal.aborted) return null;
      if (answer && !answer.ok) return [null, String(answer.status)];
      if (answer) {
        const [path] = await answer.json();
        const meta = { _type: "gradio.FileData" };
        return [{ path, url: NOTHING, orig_name: file.name, size: file.size, meta }, ""];
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY)); // until the line is back
    }
  };

  const give = async (file) => {
    begun.abort();
    begun = new AbortController();
    const { signal } = begun;
    for (const part of PARTS) document.getElementById(`classify-${part}`)?.classList.add("stale");
    const outcome = await upload(await file, signal).catch(() => null);
    if (signal.aborted || !outcome) return;
    given = outcome;
    document.getElementById("classify-picture").classList.remove("stale");
    document.getElementById("classify-given").click();
  };

  const fetched = async (source) =>
    new File([await (await fetch(source)).blob()], decodeURIComponent(source.split("/").pop()));

  const take = (event, file) => {
    if (!file) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    give(file);
  };

  const unanswered = () => {
    const text = window.gradio_config.i18n_translations[navigator.language]["classify.unanswered"];
    return [`<div role="status" class="classify-verdict problem"><p>${text}</p></div>`, "", "", ""];
  };

  Object.assign(page, { given: () => given, unanswered });
  const listen = (type, listener) => addEventListener(type, (event) => isShown() && listener(event), true);
  for (const type of ["dragenter", "dragover", "dragleave"])
    listen(type, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      panel().classList.toggle("dragging", type !== "dragleave");
    });
  listen("drop", (event) => {
    panel().classList.remove("dragging");
    take(event, event.dataTransfer?.files[0]);
  });
  listen("paste", (event) => isTyping(event.target) || take(event, event.clipboardData?.files[0]));
  listen("change", (event) => {
    const isOurs = event.target.matches?.("#classify-picture input[type=file]");
    if (isOurs) take(event, event.target.files[0]);
  });
  listen("click", (event) => {
    const example = event.target.closest?.("#classify-examples button");
    if (example) give(fetched(example.querySelector("img").src));
  });
})();
