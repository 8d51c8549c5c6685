"""The autograd tab's words."""

from __future__ import annotations

from gradio.i18n import I18nData

from tabs.language import Words, i18n_key, say

WORDS: Words = {
    "intro": (
        "Type any expression: PyTorch finds its value and the slope along each variable.",
        "输入任意表达式：PyTorch 会求出它的值，以及沿每个变量的斜率。",
    ),
    "expression": ("Expression", "表达式"),
    "expression_info": (
        "+ - * / ^ ( ), pi, e, and sin cos tan asin acos atan sinh cosh tanh exp log log2 log10 "
        "sqrt abs sigmoid relu leaky_relu softplus gelu erf min max",
        "可用 + - * / ^ ( )、pi、e，以及 sin cos tan asin acos atan sinh cosh tanh exp log log2 "
        "log10 sqrt abs sigmoid relu leaky_relu softplus gelu erf min max",
    ),
    "second": ("Second derivatives", "二阶导数"),
    "unfinished": ("Unfinished.", "未写完。"),
    "values": ("Values", "变量的值"),
    "derivative": ("Derivative", "导数"),
    "autograd": ("PyTorch", "PyTorch"),
    "symbolic": ("SymPy (symbolic)", "SymPy（符号求导）"),
    "difference": ("Differences", "中心差分"),
    "agreement": ("Comparison", "比较"),
    "agree": ("agree", "一致"),
    "differ": ("differ", "不一致"),
    "constant": ("No variables, so no derivative.", "没有变量，因此没有导数。"),
    "hessian": (
        "Hessian: ∂²{result}/∂row ∂column, by differentiating the gradient",
        "海森矩阵（Hessian）：∂²{result}/∂行 ∂列，对梯度再求导",
    ),
    "hessian_agrees": ("SymPy's second derivatives agree.", "与 SymPy 的二阶导数一致。"),
    "hessian_differs": (
        "SymPy's second derivatives differ, or are undefined here.",
        "与 SymPy 的二阶导数不一致，或在此处无定义。",
    ),
    "hessian_unchecked": (
        "SymPy has not checked these: that would take too long, or the server is busy.",
        "SymPy 未核对这些值：耗时过长，或服务器正忙。",
    ),
    "step": ("Step", "步骤"),
    "start": ("|◀ Start", "|◀ 开头"),
    "back": ("◀ Back", "◀ 上一步"),
    "next": ("Next ▶", "下一步 ▶"),
    "end": ("End ▶|", "结尾 ▶|"),
    "play": ("▶ Play", "▶ 播放"),
    "pause": ("❚❚ Pause", "❚❚ 暂停"),
    "leaves": (
        "Only the variables (dashed) have values. Press Next or Play to compute forward; on the "
        "arrows the local derivatives will appear.",
        "只有变量（虚线框）有值。按“下一步”或“播放”开始前向计算；箭头上会显示局部导数。",
    ),
    "forward": ("Forward, {done} of {all}", "前向，第 {done} / {all} 步"),
    "backward": ("Backward, {done} of {all}", "反向，第 {done} / {all} 步"),
    "added": (
        "{names:en} is used more than once, so what comes back along each use is added up.",
        "{names:zh} 被多次使用，各条路径传回的梯度要相加。",
    ),
    "added_each": (
        "{names:en} are each used more than once, so what comes back along each use is added up.",
        "{names:zh} 各被多次使用，各条路径传回的梯度要分别相加。",
    ),
    "functions": ("PyTorch's grad_fn", "PyTorch 的 grad_fn"),
    "window": (
        "Graph. Arrow keys move it, + and − zoom, 0 fits it in.",
        "计算图。方向键移动，+ 和 − 缩放，0 显示全图。",
    ),
    "zoom": (
        '<div class="ag-zoom"><button data-zoom="+" aria-label="Zoom in">+</button>'
        '<button data-zoom="-" aria-label="Zoom out">−</button>'
        '<button data-zoom="0" aria-label="Whole graph" title="Whole graph">⤢</button></div>',
        '<div class="ag-zoom"><button data-zoom="+" aria-label="放大">+</button>'
        '<button data-zoom="-" aria-label="缩小">−</button>'
        '<button data-zoom="0" aria-label="显示全图" title="显示全图">⤢</button></div>',
    ),
    "graph_name": (
        "Graph of {result} = {source}: {operations}, {variables}; step {step} of {steps}{now}.",
        "{result} = {source} 的计算图：{operations}，{variables}；"
        "第 {step} 步，共 {steps} 步{now}。",
    ),
    "operation": ("{n} operation", "{n} 个运算"),
    "operations": ("{n} operations", "{n} 个运算"),
    "variable": ("{n} variable", "{n} 个变量"),
    "variables": ("{n} variables", "{n} 个变量"),
    "formula": ("Formula", "公式"),
    "simplified": ("simplified", "化简"),
    "too_long": ("too long to show", "太长，不显示"),
    "descent": ("Curves and descent", "曲线与梯度下降"),
    "along": ("Curve: variable", "曲线：变量"),
    "across": ("Contour: x-axis", "等高线：横轴"),
    "up": ("Contour: y-axis", "等高线：纵轴"),
    "trained": ("Variables that descent changes", "梯度下降改变的变量"),
    "rate": ("Learning rate", "学习率"),
    "steps": ("Steps", "步数"),
    "safe": ("Safe rate", "安全学习率"),
    "unsafe": ("Too large a rate", "过大的学习率"),
    "curve_title": (
        "{result} along {name}, with the tangent: slope {slope}",
        "{result} 沿 {name} 的曲线与切线：斜率 {slope}",
    ),
    "contour_title": (
        "Lines of equal {result}, and the gradient: the way straight up",
        "{result} 的等值线与梯度：上升最快的方向",
    ),
    "loss_title": ("{result} after each step", "每一步之后的 {result}"),
    "loss_way": ("{method} from {first} to {last}", "{method}从 {first} 到 {last}"),
    "loss_table": ("L after each step, in numbers", "每一步之后 L 的数值"),
    "step_name": ("step", "步"),
    "plain": ("gradient descent", "梯度下降"),
    "momentum": ("with momentum 0.9", "带动量 0.9"),
    "adam": ("Adam", "Adam"),
    "limit": (
        "The function curves by at most λ = {curvature} along the variables descent changes, so "
        "each plain step of rate {rate} multiplies the distance to the minimum by "
        "1 − {rate}·{curvature} = {factor} in that direction.",
        "沿梯度下降改变的变量，函数的最大曲率为 λ = {curvature}，因此学习率为 {rate} 的每一步，"
        "会把该方向上到最小值的距离乘以 1 − {rate}·{curvature} = {factor}。",
    ),
    "stays": (
        "That is less than 1 in size: it converges. Past the limit 2/λ = {limit}{closed} it would "
        "diverge.",
        "其绝对值小于 1：收敛。超过极限 2/λ = {limit}{closed} 就会发散。",
    ),
    "at_limit": (
        "Exactly at the limit 2/λ = {limit}{closed}: it jumps from side to side for ever.",
        "恰好等于极限 2/λ = {limit}{closed}：在两侧来回跳动，永不收敛。",
    ),
    "diverges": (
        "The learning rate is past the limit 2/λ = {limit}{closed}: every step overshoots, lands "
        "farther away than it started, and plain descent diverges.",
        "学习率超过了极限 2/λ = {limit}{closed}：每一步都冲过头，落点比出发点更远，"
        "普通梯度下降发散。",
    ),
    "closed": (" = 1/(x² + 1)", " = 1/(x² + 1)"),
    "local": (
        "At the start the function curves by at most λ = {curvature}. If it curved so everywhere, "
        "the limit of the learning rate would be 2/λ = {limit}, and {rate} is {side} it. "
        "Elsewhere it may curve differently, and plain descent fare otherwise.",
        "在起点处，函数的最大曲率为 λ = {curvature}。假如各处曲率都如此，学习率的极限就是 "
        "2/λ = {limit}，而 {rate} {side}它。别处的曲率可能不同，普通梯度下降的结果也可能不同。",
    ),
    "below": ("below", "低于"),
    "at": ("exactly at", "恰好等于"),
    "past": ("past", "超过"),
    "undefined": (
        "The function, its slope or its curvature has no finite value here, so there is no limit "
        "of the learning rate to name.",
        "函数值、斜率或曲率在此处不是有限值，因此谈不上学习率的极限。",
    ),
    "level": (
        "The slope is 0 here, so plain descent stays where it is.",
        "此处斜率为 0，因此普通梯度下降停在原地。",
    ),
    "falls": (
        "Along one direction the function curves downwards (λ = {lowest}) and slopes: it has no "
        "minimum, and plain descent runs away at any learning rate.",
        "函数沿某个方向向下弯曲（λ = {lowest}），且斜率不为 0：它没有最小值，"
        "无论学习率多大，普通梯度下降都会越走越远。",
    ),
    "ridge": (
        "Along one direction the function curves downwards (λ = {lowest}), so it has no minimum. "
        "The start is exactly level there: plain descent balances on the ridge, and the slightest "
        "push to the side would carry it off at any learning rate.",
        "函数沿某个方向向下弯曲（λ = {lowest}），因此没有最小值。起点在该方向上恰好斜率为 0："
        "普通梯度下降在山脊上保持平衡，稍有偏离，无论学习率多大都会越走越远。",
    ),
    "slides": (
        "Along one direction the function slopes without curving (λ = 0): it has no minimum, and "
        "plain descent goes on for ever at any learning rate.",
        "函数沿某个方向有斜率而不弯曲（λ = 0）：它没有最小值，"
        "无论学习率多大，普通梯度下降都会一直走下去。",
    ),
    "balanced": (
        "The start is exactly level in the direction that curves most. Past the limit "
        "2/λ = {limit}{closed} the slightest push that way would grow with every step.",
        "起点在弯曲最大的方向上恰好斜率为 0。学习率超过极限 2/λ = {limit}{closed} 时，"
        "该方向上稍有偏离，就会一步比一步大。",
    ),
    "no_limit": (
        "At the start the function does not curve upwards in every direction (lowest "
        "λ = {lowest}), and elsewhere it may curve differently: there is no limit to name.",
        "在起点处，函数并非沿每个方向都向上弯曲（最小的 λ = {lowest}），别处的曲率也可能不同："
        "没有极限可言。",
    ),
    "too_far": (
        "The start, or the value there, is beyond 10¹²: descent is not followed from it.",
        "起点或起点处的值超过 10¹²：不从这里演示梯度下降。",
    ),
    "ended": (
        "{methods} went beyond 10¹² at step {steps}.",
        "{methods} 在第 {steps} 步超过 10¹²。",
    ),
    "lost": (
        "{methods} came at step {steps} to where the function has no value.",
        "{methods} 在第 {steps} 步走到了函数没有值的地方。",
    ),
    "code": ("Code", "代码"),
    "code_info": ("Run as it is, it prints the same numbers.", "直接运行，会打印出同样的数。"),
}


def label(key: str) -> I18nData:
    """The words under `key`, for the browser to put into the reader's language."""
    return i18n_key(f"autograd.{key}")


def counted(n: int, key: str, language: str) -> str:
    """ "1 variable", "2 variables": the plural's key has an s."""
    return word(key if n == 1 else f"{key}s", language, n=n)


def word(key: str, language: str, **facts: object) -> str:
    return say(WORDS, key, language, **facts)
