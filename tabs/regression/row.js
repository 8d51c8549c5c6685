// The ten inputs, each as a slider and a number: the component's value is the row of ten.
//
// Gradio's own sliders send whatever is in the number's field. Here what is emptied or half typed
// ("-", "1e") waits, so that the row always holds ten numbers, and what is beyond an end is at it.
const [LOWEST, HIGHEST] = [-3, 3];
const pairs = [...element.querySelectorAll(".row")].map((row) => [...row.querySelectorAll("input")]);

const show = () =>
  pairs.forEach((pair, at) => {
    for (const field of pair) field.value = props.value[at];
  });

element.addEventListener("input", ({ target }) => {
  if (target.value === "") return; // so is a field whose text is no number yet
  const typed = Number(target.value);
  const x = Math.min(HIGHEST, Math.max(LOWEST, typed)) || 0; // never −0
  const at = pairs.findIndex((pair) => pair.includes(target));
  // What is typed is left as it is ("1.", "0.50"), for its end is still to come.
  for (const field of pairs[at]) if (field !== target || x !== typed) field.value = x;
  props.value = props.value.map((old, place) => (place === at ? x : old));
  trigger("input");
});
element.addEventListener("focusout", show);
watch("value", show);
show();
