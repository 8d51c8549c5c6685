// No answer stands beside a newer input as if it were its own: from the call until its answer, what
// it will change is dimmed (`.stale`, after a moment), and where the line is lost it stays so until
// the line is back and the last input has been computed.
(() => {
  const RETRY = 2000; // milliseconds
  let timer;

  const mark = (ids, stale) => {
    for (const id of ids) document.getElementById(id)?.classList.toggle("stale", stale);
  };

  const retry = async () => {
    clearInterval(timer);
    timer = setInterval(async () => {
      const reached = await fetch(location.href, { method: "HEAD", cache: "no-store" }).catch(() => null);
      if (!reached?.ok) return;
      clearInterval(timer);
      page.again();
    }, RETRY);
  };

  Object.assign(page, {
    // A listener's `values` on their way to the server, of which number `at` is the visitor.
    ask: (values, at, ids) => {
      mark(ids, true);
      return Object.assign([...values], { [at]: page.visitor() });
    },
    answered: (ids) => mark(ids, false),
    lost: retry,
  });
})();
