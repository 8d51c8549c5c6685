"""The words of the regression tab, and the rows that its buttons set."""

import json
from pathlib import Path

from tabs.language import Words

ROWS = json.loads(
    (Path(__file__).parents[2] / "examples" / "rows.json").read_text(encoding="utf-8")
)

TEXT: Words = {
    "regression.intro": (
        "Ten numbers in, one out. The network learned a **known** linear function from 800 noisy "
        "examples, so everything it says can be checked. Move a slider.",
        "输入十个数，输出一个数。网络从 800 个带噪声的样本中学会了一个**已知**的线性函数，"
        "因此它的每个回答都能核对。拖动滑块试试。",
    ),
    "regression.network": ("Network", "网络"),
    "regression.true": ("True function", "真实函数"),
    "regression.difference": ("Difference", "误差"),
    "regression.waiting": ("The model is being loaded …", "正在加载模型……"),
    "regression.far": (
        "Unusual input: the network saw few like it, so expect larger errors.",
        "不常见的输入：网络很少见过这样的数据，误差可能较大。",
    ),
    "regression.link": ("The link is not quite right: {problems}", "链接有误：{problems}"),
    "regression.randomise": ("Random row", "随机一行"),
    "regression.reset": ("Reset to zero", "全部归零"),
    "regression.adds": ("What each input adds", "每个输入的贡献"),
    "regression.adds_network": ("network’s estimate", "网络的估计"),
    "regression.adds_true": ("truth: x × weight", "真实值：x × 权重"),
    "regression.adds_sum": (
        "At all zeros the network says {zero}; the bars add {sum}; together {y}.",
        "输入全为零时，网络给出 {zero}；各条合计 {sum}；总和为 {y}。",
    ),
    "regression.bars": (
        "{title}: for each input the {network}, then the {true}",
        "{title}：每个输入先为{network}，再为{true}",
    ),
    "regression.learn": (
        "## Watch it learn\nA fresh network with random weights trains on fresh data for 200 "
        "epochs. Watch its weights approach the true ones and its error fall to the noise. Which "
        "learning rate is too low? What does a batch of all 800 rows change?",
        "## 看它学习\n一个权重随机的全新网络在新数据上训练 200 轮。看它的权重逐渐接近真实权重，"
        "误差降到噪声水平。哪个学习率太小？一批就用全部 800 行会怎样？",
    ),
    "regression.rate": ("Learning rate", "学习率"),
    "regression.batch": ("Batch size", "批量大小"),
    "regression.train": ("Train", "开始训练"),
    "regression.stop": ("Stop", "停止"),
    "regression.untrained": (
        "Press Train: the error and the weights are drawn here.",
        "按“开始训练”，误差和权重会画在这里。",
    ),
    "regression.starting": ("The training is starting …", "正在开始训练……"),
    "regression.queue": (
        "You are number {ahead} in the queue; your training starts by itself.",
        "您排在第 {ahead} 位，轮到时会自动开始训练。",
    ),
    "regression.training": ("Training …", "训练中……"),
    "regression.stopped": ("Stopped.", "已停止。"),
    "regression.done": (
        "Done: the error on held-out rows is {rmse}; the noise alone is {noise}.",
        "训练完成：留出数据上的误差为 {rmse}，仅噪声就有 {noise}。",
    ),
    "regression.diverged": (
        "The training diverged: its numbers grew beyond all bounds. Choose a lower learning rate.",
        "训练发散了：数值超出了一切界限。请选择更小的学习率。",
    ),
    "regression.progress": (
        "Epoch {epoch} of {epochs} · held-out RMSE {rmse} · R² {r2}",
        "第 {epoch} 轮，共 {epochs} 轮 · 留出集 RMSE {rmse} · R² {r2}",
    ),
    "regression.no_number": ("not a number", "非数值"),
    "regression.errors": ("Error (RMSE) by epoch", "各轮的误差（RMSE）"),
    "regression.epoch": ("epoch", "轮次"),
    "regression.curves_one": (
        "Error by epoch: training {train}, held-out {held_out} after 1 epoch; noise {noise}",
        "各轮的误差：1 轮后训练 {train}，留出 {held_out}；噪声 {noise}",
    ),
    "regression.curves": (
        "Error by epoch: training {train}, held-out {held_out} after {epoch} epochs; noise {noise}",
        "各轮的误差：{epoch} 轮后训练 {train}，留出 {held_out}；噪声 {noise}",
    ),
    "regression.train_rows": ("training rows", "训练数据"),
    "regression.held_out": ("held-out rows", "留出数据"),
    "regression.noise": ("noise", "噪声"),
    "regression.weights": ("Weights", "权重"),
    "regression.learned": ("learned weight", "学到的权重"),
    "regression.weight": ("true weight", "真实权重"),
    **{
        f"regression.row_{number}": (row["name"]["en"], row["name"]["zh"])
        for number, row in enumerate(ROWS)
    },
}
