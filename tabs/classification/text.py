"""Words of the Classify tab, in English and Chinese."""

from __future__ import annotations

from tabs.language import Words, say

TEXT: Words = {
    "classify.intro": (
        "Drop or paste a photo of an ant or a bee. The network says which it is, how sure it is, "
        "where it looked, and when it is **neither**.",
        "拖入或粘贴一张蚂蚁或蜜蜂的照片。网络会判断是哪一种、置信度多高、关注了哪里，"
        "**两者都不是**时也会指出。",
    ),
    "classify.picture": ("Picture", "图片"),
    "classify.preview": ("Your picture: {name}", "你的图片：{name}"),
    "classify.waiting": ("The answer appears here.", "答案将显示在这里。"),
    "classify.unanswered": (
        "No answer yet: the server is busy, or cannot be reached. It is asked again by itself.",
        "尚无答案：服务器繁忙或无法连接，将自动重试。",
    ),
    "classify.probabilities": ("Probability of each class", "各类别的概率"),
    "classify.rest": ("the other {count:,} classes together", "其余 {count:,} 个类别合计"),
    "classify.heat_map": ("Where the network looked", "网络关注的区域"),
    "classify.heat_map_for": (
        "Where the network looked, for: {label}",
        "网络关注的区域（针对：{label}）",
    ),
    # the verdict
    "classify.known": ("{label}, {confidence} sure", "{label}（置信度 {confidence}）"),
    "classify.known_certain": ("{label}, over 99.9\u00a0% sure", "{label}（置信度超过 99.9%）"),
    "classify.known_why": ("Looks like the training photos.", "与训练图片相似。"),
    "classify.unusual": (
        "Perhaps {a_label}, but unlike the photos it learned from",
        "可能是{label}，但与它学过的照片不太相似",
    ),
    "classify.unusual_why": (
        "The bars below hold for photos like those, and less for this one.",
        "下面的概率是针对与训练图片相似的照片而言的，对这张照片不太可靠。",
    ),
    "classify.neither": ("Neither {first} nor {second}", "{first}和{second}都不是"),
    "classify.none_of": ("None of {classes}", "{classes}都不是"),
    "classify.none_of_many": ("None of the {count:,} classes", "{count:,} 个类别都不是"),
    "classify.neither_why": (
        "The bars below mean nothing for this photo.",
        "这张照片与训练图片不相似，因此下面的概率没有参考意义。",
    ),
    # its details
    "classify.details": ("Details", "详情"),
    "classify.likeness": (
        "Likeness to the training photos: {score:.3f}; {threshold:.3f} is needed.",
        "与训练图片的相似度：{score:.3f}，阈值 {threshold:.3f}。",
    ),
    "classify.percentile": (
        "Training photos with a lower one: {percentile:.0f} of 100.",
        "相似度更低的训练图片：每 100 张中有 {percentile:.0f} 张。",
    ),
    # what is on the example pictures
    "classify.ant_on_bark": ("Ant on bark", "树皮上的蚂蚁"),
    "classify.ant_on_leaf": ("Ant on a leaf", "叶子上的蚂蚁"),
    "classify.ant_on_sand": ("Ant on sand", "沙地上的蚂蚁"),
    "classify.ant_on_twig": ("Ant on a twig", "细枝上的蚂蚁"),
    "classify.bee_in_flight": ("Bee in flight", "飞行中的蜜蜂"),
    "classify.bee_on_aster": ("Bee on an aster", "紫菀上的蜜蜂"),
    "classify.bee_on_daisy": ("Bee on a daisy", "雏菊上的蜜蜂"),
    "classify.bee_on_dandelion": ("Bee on a dandelion", "蒲公英上的蜜蜂"),
    "classify.neither_ladybird": ("Ladybird", "瓢虫"),
    "classify.neither_sailing_boat": ("Sailing boat", "帆船"),
    "classify.neither_teapot": ("Teapot", "茶壶"),
}

# The bundled model's classes: in English alone and with an article, in Chinese. Other models' names
# are shown as they are.
NAMES = {"ants": ("ant", "an ant", "蚂蚁"), "bees": ("bee", "a bee", "蜜蜂")}


def name_of(label: str, language: str, *, with_article: bool = False) -> str:
    """A class's name in the reader's language."""
    bare, whole, chinese = NAMES.get(label, (label,) * 3)
    return chinese if language == "zh" else whole if with_article else bare


def list_of(names: list[str], language: str) -> str:
    """`names` as a list within a sentence."""
    return ("、" if language == "zh" else ", ").join(names)


def percent(probability: float, language: str) -> str:
    """A probability with one decimal: of no class is anything certain, or excluded."""
    unit = "%" if language == "zh" else "\u00a0%"
    if probability > 0.999:
        return f">99.9{unit}"
    return f"<0.1{unit}" if probability < 0.001 else f"{100 * probability:.1f}{unit}"


def known_heading(label: str, confidence: float, language: str) -> str:
    """The answer to a picture like those that were learned from."""
    name = name_of(label, language)
    name = name.capitalize() if label in NAMES else name
    key = "classify.known_certain" if confidence > 0.999 else "classify.known"
    return say(TEXT, key, language, label=name, confidence=percent(confidence, language))


def name_example(stem: str, language: str) -> str:
    """What is on an example picture, from its file's name without the ending."""
    key = f"classify.{stem}"
    return say(TEXT, key, language) if key in TEXT else stem.replace("_", " ")
