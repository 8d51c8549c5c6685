// No answer stands beside a newer input as if it were its own: from the call until its answer, what
// it will change is dimmed (`.stale`, after a moment), however long the line is lost meanwhile.
//
// Gradio takes no more calls once one could not reach the server, and loads the page anew when it
// can, which loses what was typed. So a request that finds no line waits for one, and the calls
// whose answers were cut off are made again.
(() => {
  const RETRY = 2000; // milliseconds
  const request = window.fetch;

  const mark = (ids, stale) => {
    for (const id of ids) document.getElementById(id)?.classList.toggle("stale", stale);
  };

  const isThere = async () => {
    const reply = await request(location.href, { method: "HEAD", cache: "no-store" }).catch(() => null);
    return reply?.ok ?? false;
  };
  const line = async () => {
    while (!(await isThere())) await new Promise((resolve) => setTimeout(resolve, RETRY));
  };

  // The server's messages; where they are cut off, the calls end as failed, which Gradio survives.
  const completed = (reply, signal) => {
    const reader = reply.body.getReader();
    const pull = async (controller) => {
      try {
        const { done, value } = await reader.read();
        return done ? controller.close() : controller.enqueue(value);
      } catch (error) {
        if (signal?.aborted) return controller.error(error);
        await line();
        const last = [{ msg: "unexpected_error", message: page.say("app.lost") }, { msg: "close_stream" }];
        const text = last.map((message) => `data: ${JSON.stringify(message)}\n\n`).join("");
        controller.enqueue(new TextEncoder().encode(text));
        controller.close();
        setTimeout(page.again, 100);
      }
    };
    const body = new ReadableStream({ pull, cancel: (reason) => reader.cancel(reason) });
    return new Response(body, { status: reply.status, headers: reply.headers });
  };

  window.fetch = async (...what) => {
    const signal = what[1]?.signal ?? what[0]?.signal;
    for (let refused = 0; ; ) {
      try {
        const reply = await request(...what);
        const isStream = reply.headers.get("content-type")?.startsWith("text/event-stream");
        return isStream ? completed(reply, signal) : reply;
      } catch (error) {
        // A server that is there, and does not take this request, will not take it later.
        if (signal?.aborted || ((await isThere()) && refused++)) throw error;
        await line();
      }
    }
  };

  Object.assign(page, {
    // A listener's `values` on their way to the server, of which number `at` is the visitor.
    ask: (values, at, ids) => {
      mark(ids, true);
      return Object.assign([...values], { [at]: page.visitor() });
    },
    answered: (ids) => mark(ids, false),
  });
})();
