// The window of the autograd tab's graph: fits the graph in, zooms, pans, and follows the node of
// the step. Only the browser knows the window's size, the wheel and the fingers.
//
// Of the server's two drawings (from left to right, from top to bottom) the one is shown that fits
// better. From one pixel a unit on, its text of 12 px can be read; further away only the nodes'
// names are shown, which stay as large (`.far`, `--unit`).
(() => {
  const NEAREST = 3; // pixels a unit
  const ZOOM = 1.25; // at each press or turn
  const STEP = 60; // pixels, at each arrow key

  page.graph = (element) => {
    let svg, scale; // pixels a unit
    let x = 0; // the point of the drawing in the middle of the window
    let y = 0;
    let shown = ""; // which graph that is
    let touched = false; // by hand: zoomed, or moved
    const fingers = new Map();

    const size = (each) => ["width", "height"].map((side) => Number(each.getAttribute(side)));
    const fitting = (each) => {
      const [width, height] = size(each);
      return Math.min(element.clientWidth / width, element.clientHeight / height, 1.5);
    };
    const within = (at, whole, part) =>
      whole < part ? whole / 2 : Math.min(Math.max(at, part / 2), whole - part / 2);

    const place = () => {
      const [width, height] = size(svg);
      const across = element.clientWidth / scale;
      const down = element.clientHeight / scale;
      x = within(x, width, across);
      y = within(y, height, down);
      svg.setAttribute("viewBox", `${x - across / 2} ${y - down / 2} ${across} ${down}`);
      svg.style.setProperty("--unit", `${1 / scale}px`);
      svg.classList.toggle("far", scale < 1);
    };
    const fit = () => {
      scale = fitting(svg);
      touched = false;
      place();
    };
    // `at`: what stays where it is, in pixels from the window's middle.
    const zoom = (factor, at = [0, 0]) => {
      const before = scale;
      scale = Math.min(Math.max(scale * factor, Math.min(fitting(svg), 1)), NEAREST);
      const moved = 1 / before - 1 / scale;
      move(at[0] * moved, at[1] * moved);
      return scale !== before;
    };
    const move = (across, down) => {
      x += across;
      y += down;
      touched = true;
      place();
    };
    const follow = () => {
      const box = svg.querySelector(".now rect")?.getBBox();
      if (!box) return;
      if (!touched) scale = Math.max(scale, 1);
      const middle = [box.x + box.width / 2, box.y + box.height / 2];
      const hidden = (at, center, side, part) =>
        Math.abs(at - center) > part / scale / 2 - side / 2;
      if (!touched || hidden(middle[0], x, box.width, element.clientWidth)) x = middle[0];
      if (!touched || hidden(middle[1], y, box.height, element.clientHeight)) y = middle[1];
      place();
    };

    const draw = () => {
      const drawings = [...element.querySelectorAll("svg")];
      if (!drawings.length || !element.clientWidth) return;
      svg = drawings.reduce((a, b) => (fitting(b) > fitting(a) ? b : a));
      for (const each of drawings) each.style.display = each === svg ? "block" : "none";
      const name = element.firstElementChild.dataset.name;
      if (element.ariaLabel !== name) element.ariaLabel = name;
      const graph = element.firstElementChild.dataset.graph + size(svg);
      const stands = !touched && !svg.querySelector(".now");
      if (graph !== shown || stands) fit();
      shown = graph;
      place();
      follow();
    };

    const middle = (event) => {
      const box = element.getBoundingClientRect();
      return [event.clientX - box.x - box.width / 2, event.clientY - box.y - box.height / 2];
    };
    element.classList.add("ag-window");
    element.tabIndex = 0;
    element.setAttribute("role", "group");
    element.addEventListener("wheel", (event) => {
      if (svg && zoom(event.deltaY < 0 ? ZOOM : 1 / ZOOM, middle(event))) event.preventDefault();
    });
    element.addEventListener("pointerdown", (event) => {
      fingers.set(event.pointerId, middle(event));
      element.setPointerCapture(event.pointerId);
    });
    element.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (!before || !svg) return;
      const now = middle(event);
      const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const apart = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]) || 1;
        zoom(apart(now) / apart(before), other);
      } else move((before[0] - now[0]) / scale, (before[1] - now[1]) / scale);
      fingers.set(event.pointerId, now);
    });
    for (const end of ["pointerup", "pointercancel"])
      element.addEventListener(end, (event) => fingers.delete(event.pointerId));
    const keys = {
      "+": () => zoom(ZOOM),
      "=": () => zoom(ZOOM),
      "-": () => zoom(1 / ZOOM),
      0: fit,
      ArrowLeft: () => move(-STEP / scale, 0),
      ArrowRight: () => move(STEP / scale, 0),
      ArrowUp: () => move(0, -STEP / scale),
      ArrowDown: () => move(0, STEP / scale),
    };
    element.addEventListener("keydown", (event) => {
      if (!svg || event.ctrlKey || event.metaKey || !(event.key in keys)) return;
      event.preventDefault();
      keys[event.key]();
    });
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-zoom]");
      if (button && svg) keys[button.dataset.zoom]();
    });
    // A step may change no element, but it does the drawing's name, which says what it shows.
    const changes = { childList: true, attributeFilter: ["aria-label"], subtree: true };
    new MutationObserver(draw).observe(element, changes);
    new ResizeObserver(draw).observe(element);
    draw();
  };
})();
