"""The autograd tab's words and style."""

from __future__ import annotations

TEXT: dict[str, tuple[str, str]] = {
    "autograd.intro": (
        "Type any expression: PyTorch finds its value and the slope along each variable.",
        "输入任意表达式：PyTorch 会求出它的值，以及沿每个变量的斜率。",
    ),
    "autograd.expression": ("Expression", "表达式"),
    "autograd.expression_info": (
        "+ - * / ^ ( ), pi, e, and sin cos tan asin acos atan sinh cosh tanh exp log log2 log10 "
        "sqrt abs sigmoid relu leaky_relu softplus gelu erf min max",
        "可用 + - * / ^ ( )、pi、e，以及 sin cos tan asin acos atan sinh cosh tanh exp log log2 "
        "log10 sqrt abs sigmoid relu leaky_relu softplus gelu erf min max",
    ),
    "autograd.second": ("Second derivatives", "二阶导数"),
    "autograd.kept": (
        "Below is the answer to the last expression that was complete.",
        "下面仍是上一个完整表达式的结果。",
    ),
    "autograd.value": ("value", "值"),
    "autograd.autograd": ("PyTorch autograd", "PyTorch autograd"),
    "autograd.symbolic": ("Symbolic (SymPy)", "符号求导（SymPy）"),
    "autograd.difference": ("Central difference", "中心差分"),
    "autograd.agree": ("agree", "一致"),
    "autograd.constant": (
        "There is no variable in it, so there is nothing to differentiate by.",
        "其中没有变量，因此没有可求导的对象。",
    ),
    "autograd.hessian": (
        "Hessian: ∂²/∂row ∂column, by differentiating the gradient",
        "Hessian 矩阵：∂²/∂行 ∂列，对梯度再求导",
    ),
    "autograd.hessian_agrees": (
        "SymPy's second derivatives agree.",
        "与 SymPy 的二阶导数一致。",
    ),
    "autograd.hessian_differs": (
        "SymPy's second derivatives differ, or are undefined here.",
        "与 SymPy 的二阶导数不一致，或在此处无定义。",
    ),
    "autograd.hessian_unchecked": (
        "SymPy has not checked these: that would take too long, or the server is busy.",
        "SymPy 未核对这些值：耗时过长，或服务器正忙。",
    ),
    "autograd.graph": ("The graph, step by step", "计算图，逐步演示"),
    "autograd.step": ("Step", "步骤"),
    "autograd.start": ("|◀ Start", "|◀ 开头"),
    "autograd.back": ("◀ Back", "◀ 上一步"),
    "autograd.next": ("Next ▶", "下一步 ▶"),
    "autograd.end": ("End ▶|", "结尾 ▶|"),
    "autograd.leaves": (
        "Only the leaves have values. Press Next to compute forward.",
        "只有叶子节点有值。按“下一步”开始前向计算。",
    ),
    "autograd.forward": ("Forward, {done} of {all}", "前向，第 {done} / {all} 步"),
    "autograd.backward": ("Backward, {done} of {all}", "反向，第 {done} / {all} 步"),
    "autograd.added": (
        "{names} is used more than once, so what comes back along each use is added up.",
        "{names} 被多次使用，各条路径传回的梯度要相加。",
    ),
    "autograd.legend": (
        "Dashed: variables. = value; ∂ gradient of the result; in small print PyTorch's grad_fn; "
        "on the arrows the local derivatives.",
        "虚线框为变量。= 后是值；∂ 是结果对它的梯度；小字是 PyTorch 的 grad_fn；箭头上是局部导数。",
    ),
    "autograd.formula": ("Formula", "公式"),
    "autograd.simplified": ("simplified", "化简"),
    "autograd.too_long": ("too long to show", "太长，不显示"),
    "autograd.move": ("See it move", "动起来"),
    "autograd.along": ("Curve along", "曲线的变量"),
    "autograd.across": ("Contours: across", "等高线：横轴"),
    "autograd.up": ("Contours: up", "等高线：纵轴"),
    "autograd.trained": ("Variables that descent changes", "梯度下降改变的变量"),
    "autograd.rate": ("Learning rate", "学习率"),
    "autograd.steps": ("Steps", "步数"),
    "autograd.safe": ("Half the limit", "极限的一半"),
    "autograd.unsafe": ("Past the limit", "超过极限"),
    "autograd.curve_title": (
        "Along {name}, with the tangent: slope {slope}",
        "沿 {name} 的曲线与切线：斜率 {slope}",
    ),
    "autograd.contour_title": (
        "Lines of equal value, and the gradient: the way straight up",
        "等值线与梯度：上升最快的方向",
    ),
    "autograd.one_variable": (
        "Contours need two variables.",
        "等高线需要两个变量。",
    ),
    "autograd.loss_title": ("After each step", "每一步之后"),
    "autograd.step_name": ("step", "步"),
    "autograd.loss_name": ("value", "值"),
    "autograd.plain": ("gradient descent", "梯度下降"),
    "autograd.momentum": ("with momentum 0.9", "带动量 0.9"),
    "autograd.adam": ("Adam", "Adam"),
    "autograd.limit": (
        "The function curves by at most λ = {curvature} along the variables descent changes, so "
        "each plain step of rate {rate} multiplies the distance to the minimum by "
        "1 − {rate}·{curvature} = {factor} in that direction.",
        "沿梯度下降改变的变量，函数的最大曲率为 λ = {curvature}，因此学习率为 {rate} 的每一步，"
        "会把该方向上到最小值的距离乘以 1 − {rate}·{curvature} = {factor}。",
    ),
    "autograd.stays": (
        "That is less than 1 in size: it converges. Past the limit 2/λ = {limit}{closed} it would "
        "diverge.",
        "其绝对值小于 1：收敛。超过极限 2/λ = {limit}{closed} 就会发散。",
    ),
    "autograd.at_limit": (
        "Exactly at the limit 2/λ = {limit}{closed}: it jumps from side to side for ever.",
        "恰好等于极限 2/λ = {limit}{closed}：在两侧来回跳动，永不收敛。",
    ),
    "autograd.diverges": (
        "The learning rate is past the limit 2/λ = {limit}{closed}: every step overshoots, lands "
        "farther away than it started, and plain descent diverges.",
        "学习率超过了极限 2/λ = {limit}{closed}：每一步都冲过头，落点比出发点更远，"
        "普通梯度下降发散。",
    ),
    "autograd.closed": (" = 1/(x² + 1)", " = 1/(x² + 1)"),
    "autograd.local": (
        "At the start the function curves by at most λ = {curvature}. If it curved so everywhere, "
        "the limit of the learning rate would be 2/λ = {limit}, and {rate} is {side} it. "
        "Elsewhere it may curve differently, and plain descent fare otherwise.",
        "在起点处，函数的最大曲率为 λ = {curvature}。假如各处曲率都如此，学习率的极限就是 "
        "2/λ = {limit}，而 {rate} {side}它。别处的曲率可能不同，普通梯度下降的结果也可能不同。",
    ),
    "autograd.below": ("below", "低于"),
    "autograd.at": ("exactly at", "恰好等于"),
    "autograd.past": ("past", "超过"),
    "autograd.undefined": (
        "The function, its slope or its curvature has no finite value here, so there is no limit "
        "of the learning rate to name.",
        "函数值、斜率或曲率在此处不是有限值，因此谈不上学习率的极限。",
    ),
    "autograd.level": (
        "The slope is 0 here, so plain descent stays where it is.",
        "此处斜率为 0，因此普通梯度下降停在原地。",
    ),
    "autograd.falls": (
        "Along one direction the function curves downwards (λ = {lowest}) and slopes: it has no "
        "minimum, and plain descent runs away at any learning rate.",
        "函数沿某个方向向下弯曲（λ = {lowest}），且斜率不为 0：它没有最小值，"
        "无论学习率多大，普通梯度下降都会越走越远。",
    ),
    "autograd.ridge": (
        "Along one direction the function curves downwards (λ = {lowest}), so it has no minimum. "
        "The start is exactly level there: plain descent balances on the ridge, and the slightest "
        "push to the side would carry it off at any learning rate.",
        "函数沿某个方向向下弯曲（λ = {lowest}），因此没有最小值。起点在该方向上恰好斜率为 0："
        "普通梯度下降在山脊上保持平衡，稍有偏离，无论学习率多大都会越走越远。",
    ),
    "autograd.slides": (
        "Along one direction the function slopes without curving (λ = 0): it has no minimum, and "
        "plain descent goes on for ever at any learning rate.",
        "函数沿某个方向有斜率而不弯曲（λ = 0）：它没有最小值，"
        "无论学习率多大，普通梯度下降都会一直走下去。",
    ),
    "autograd.balanced": (
        "The start is exactly level in the direction that curves most. Past the limit "
        "2/λ = {limit}{closed} the slightest push that way would grow with every step.",
        "起点在弯曲最大的方向上恰好斜率为 0。学习率超过极限 2/λ = {limit}{closed} 时，"
        "该方向上稍有偏离，就会一步比一步大。",
    ),
    "autograd.no_limit": (
        "At the start the function does not curve upwards in every direction (lowest "
        "λ = {lowest}), and elsewhere it may curve differently: there is no limit to name.",
        "在起点处，函数并非沿每个方向都向上弯曲（最小的 λ = {lowest}），别处的曲率也可能不同："
        "没有极限可言。",
    ),
    "autograd.too_far": (
        "The start, or the value there, is beyond 10¹²: descent is not followed from it.",
        "起点或起点处的值超过 10¹²：不从这里演示梯度下降。",
    ),
    "autograd.ended": (
        "{methods} went beyond 10¹² at step {steps}.",
        "{methods} 在第 {steps} 步超过 10¹²。",
    ),
    "autograd.lost": (
        "{methods} came at step {steps} to where the function has no value.",
        "{methods} 在第 {steps} 步走到了函数没有值的地方。",
    ),
    "autograd.code": ("Code", "代码"),
    "autograd.code_info": (
        "Run as it is, it prints the same numbers.",
        "直接运行，会打印出同样的数。",
    ),
}

CSS = """
.ag { --ag-gradient: #b45309; --ag-now: #fef3c7; --ag-momentum: #2563eb; --ag-adam: #15803d; }
.dark .ag { --ag-gradient: #fbbf24; --ag-now: #451a03; --ag-momentum: #60a5fa;
  --ag-adam: #4ade80; }
.ag { color: var(--body-text-color); }
.ag p { margin: 0.3em 0; }
.ag-error { border-left: 3px solid #dc2626; padding: 0.2em 0.8em; }
.ag-error pre { margin: 0; overflow-x: auto; font-family: var(--font-mono); background: none; }
.ag-error b { color: #dc2626; }
.ag-chips { gap: 6px !important; }
.ag-chips button { flex: 0 0 auto !important; min-width: 0 !important; width: auto !important; }
.ag-values .form { display: flex; flex-flow: row wrap; width: 100%; border: none; gap: 8px;
  background: none; overflow: visible; justify-content: flex-start; }
.ag-values .form > * { flex: 0 0 auto; width: 130px; min-width: 96px !important;
  margin: 0 !important; border-radius: var(--radius-md);
  border: 1px solid var(--border-color-primary); padding: 6px 10px !important; }
.ag-scroll { overflow-x: auto; }
.ag-big { font-size: 1.7em; font-weight: 600; }
.ag table { border-collapse: collapse; border: none !important; width: auto; margin: 0.3em 0;
  font-variant-numeric: tabular-nums; }
.ag tr, .ag tbody { border: none !important; }
.ag td, .ag th { padding: 0.28em 1.2em 0.28em 0 !important; text-align: left; white-space: nowrap;
  border: none !important; border-bottom: 1px solid var(--border-color-primary) !important; }
.ag th { font-weight: 600; color: var(--body-text-color-subdued); }
.ag small { color: var(--body-text-color-subdued); }
.ag .yes { color: #15803d; } .dark .ag .yes { color: #4ade80; }
.ag .no { color: var(--ag-gradient); font-weight: 600; }
.ag-note { border-left: 3px solid var(--ag-gradient); padding-left: 0.7em; margin: 0.5em 0; }
.ag-step { min-height: 5.6em; }
.ag-step pre { margin: 0.1em 0; overflow-x: auto; white-space: pre-wrap; background: none;
  font-family: var(--font-mono); font-size: 0.95em; color: var(--body-text-color); }
.ag-graph { overflow-x: auto; }
.ag-graph svg { display: block; margin: 0 auto; height: auto; max-width: 100%; }
.ag svg text { fill: var(--body-text-color); font: 12px var(--font); text-anchor: middle; }
.ag-graph .title { font-weight: 600; }
.ag-graph .gradient { fill: var(--ag-gradient); }
.ag-graph text.function { font: 9.5px var(--font-mono); opacity: 0.7; }
.ag-graph rect { fill: var(--background-fill-primary); stroke: var(--border-color-primary); }
.ag-graph .leaf rect { fill: var(--background-fill-secondary); stroke-dasharray: 4 3; }
.ag-graph .now rect { fill: var(--ag-now); stroke: var(--ag-gradient); stroke-width: 2; }
.ag-graph path.edge { fill: none; stroke: var(--body-text-color-subdued); stroke-width: 1.2; }
.ag-graph polygon.edge { fill: var(--body-text-color-subdued); }
.ag-graph path.now { stroke: var(--ag-gradient); stroke-width: 2; }
.ag-graph polygon.now { fill: var(--ag-gradient); }
.ag-graph text.local { font: italic 11px var(--font); paint-order: stroke;
  stroke: var(--background-fill-primary); stroke-width: 4px; }
.ag-narrow { display: none; }
@media (max-width: 640px) { .ag-wide { display: none; } .ag-narrow { display: block; } }
.ag .ag-plots { display: grid; gap: 12px;
  grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); }
.ag-plots figure { margin: 0; }
.ag-plots figcaption { font-weight: 600; margin-bottom: 0.2em; }
.ag-plots svg { width: 100%; max-width: 480px; height: auto; }
.ag-plots text.end { text-anchor: end; }
.ag-plots text.name { font-style: italic; }
.ag-plots path { fill: none; }
.ag-plots .grid { stroke: var(--border-color-primary); stroke-width: 0.6; opacity: 0.7; }
.ag-plots .curve { stroke: var(--body-text-color); stroke-width: 2; }
.ag-plots .tangent { stroke: var(--ag-gradient); stroke-width: 2; stroke-dasharray: 7 4; }
.ag-plots .contour { stroke: var(--body-text-color-subdued); stroke-width: 1; }
.ag-plots .uphill { stroke: var(--body-text-color); stroke-width: 2.5;
  fill: var(--body-text-color); }
.ag-plots .point { fill: var(--body-text-color); }
.ag-plots .path { stroke-width: 1.8; }
.ag .plain { stroke: var(--ag-gradient); } .ag .momentum { stroke: var(--ag-momentum); }
.ag .adam { stroke: var(--ag-adam); }
.ag .step.plain { fill: var(--ag-gradient); } .ag .step.momentum { fill: var(--ag-momentum); }
.ag .step.adam { fill: var(--ag-adam); }
.ag-key { display: inline-block; width: 1.6em; height: 3px; vertical-align: middle; }
.ag-key.plain { background: var(--ag-gradient); }
.ag-key.momentum { background: var(--ag-momentum); }
.ag-key.adam { background: var(--ag-adam); }
.ag-losses { max-height: 260px; overflow: auto; }
"""
