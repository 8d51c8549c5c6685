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
    "regression.difference": ("Difference", "差"),
    "regression.waiting": ("The model is being loaded …", "正在加载模型……"),
    "regression.far": (
        "Further from zero than 99 % of the training rows: the network has hardly seen such "
        "numbers, and its error grows.",
        "比 99% 的训练数据离零更远：网络几乎没见过这样的数，误差会变大。",
    ),
    "regression.randomise": ("Random row", "随机一行"),
    "regression.reset": ("Reset to zero", "全部归零"),
    "regression.examples": ("Or try:", "或者试试："),
    "regression.adds": ("What each input adds", "每个输入的贡献"),
    "regression.adds_network": ("network: x × mean gradient", "网络：x × 平均梯度"),
    "regression.adds_true": ("truth: x × weight", "真值：x × 权重"),
    "regression.adds_sum": (
        "{zero} (the network at all zeros) {sum} (the bars together) = {y}",
        "{zero}（输入全为零时的网络）{sum}（各条之和）= {y}",
    ),
    "regression.learn": (
        "### Watch it learn\nA fresh network, the same 10-64-32-1 layers with random weights, "
        "trains on fresh data for 200 epochs. Its weights, which nobody told it, approach the "
        "true ones; its error, the noise. Which learning rate is too low? What does a batch of "
        "all 800 rows change?",
        "### 看它学习\n一个全新的网络（同样是 10-64-32-1 层，权重随机）在新数据上训练 200 轮。"
        "没有人告诉它真实权重，它却逐渐接近它们；误差则接近噪声。"
        "哪个学习率太小了？一批就用全部 800 行会怎样？",
    ),
    "regression.rate": ("Learning rate", "学习率"),
    "regression.batch": ("Batch size", "批大小"),
    "regression.train": ("Train", "开始训练"),
    "regression.stop": ("Stop", "停止"),
    "regression.progress": (
        "Epoch {epoch} of {epochs} · held-out RMSE {rmse:.3f} · R² {r2:.4f}",
        "第 {epoch} / {epochs} 轮 · 留出集 RMSE {rmse:.3f} · R² {r2:.4f}",
    ),
    "regression.errors": ("Error (RMSE) by epoch", "各轮的误差（RMSE）"),
    "regression.epoch": ("epoch", "轮次"),
    "regression.train_rows": ("training rows", "训练数据"),
    "regression.held_out": ("held-out rows", "留出数据"),
    "regression.noise": ("noise", "噪声"),
    "regression.weights": ("Weights", "权重"),
    "regression.learned": ("learned: mean gradient", "学到的：平均梯度"),
    "regression.weight": ("true weight", "真实权重"),
    **{
        f"regression.row_{number}": (row["name"]["en"], row["name"]["zh"])
        for number, row in enumerate(ROWS)
    },
}
