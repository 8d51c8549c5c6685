"""What may be wrong with a run folder that ought to be a classifier."""

from __future__ import annotations

from model.errors import UserError


class ClassifierError(UserError):
    """A run folder that is not a classifier of this project's kind."""


class WrongArchitecture(ClassifierError):
    en = "The model is a {found}; this app serves a resnet18 of train.py. Choose another model."
    zh = "该模型是 {found}；本应用只支持 train.py 训练的 resnet18。请换一个模型。"


class NoArchitecture(WrongArchitecture):
    en = (
        "config.json names no architecture, so it is no model of this app, which serves a resnet18 "
        "of train.py. Choose another model."
    )
    zh = (
        "config.json 没有写明网络结构，不是本应用的模型；本应用只支持 train.py 训练的 resnet18。"
        "请换一个模型。"
    )


class BadConfig(ClassifierError):
    en = "config.json: {field} is missing or wrong. Use a folder that train.py wrote."
    zh = "config.json：{field} 缺失或有误。请使用 train.py 写出的文件夹。"


class WrongWeights(ClassifierError):
    en = "model.safetensors does not fit a resnet18 with {num_classes} classes: {reason}."
    zh = "model.safetensors 与 {num_classes} 类的 resnet18 不符：{reason}。"


class NotFinite(ClassifierError):
    en = (
        "The model's answer is not made of finite numbers: its weights or preprocessing are of no "
        "use. Choose another model."
    )
    zh = "模型的输出不是有限的数：其权重或预处理设置无法使用。请换一个模型。"
