"""What can be wrong with an expression, each mistake pointing at its character."""

from __future__ import annotations

from model.errors import UserError


class Names(tuple[str, ...]):
    """Names that a sentence lists: "{names:en}" is "a, b and c", "{names:zh}" is "a、b、c"."""

    def __format__(self, language: str) -> str:
        if language == "zh":
            return "、".join(self)
        return " and ".join(filter(None, (", ".join(self[:-1]), self[-1])))


class ExpressionError(UserError):
    """A mistake in an expression.

    `source` is the text and `position` the place of the offending character in it, from 0
    (`len(source)` when something is missing at the end). Messages count from 1, as people do.
    """

    def __init__(self, source: str, position: int, **facts: object) -> None:
        self.source, self.position = source, position
        super().__init__(at=position + 1, **facts)


class EmptyExpression(ExpressionError):
    en = "Write an expression, for example (target - (w*x + b))**2."
    zh = "请输入表达式，例如 (target - (w*x + b))**2。"


class ExpressionTooLong(ExpressionError):
    en = "The expression has {length} characters; {limit} is the most."
    zh = "表达式有 {length} 个字符，上限为 {limit}。"


class TooManyOperations(ExpressionError):
    en = "More than {limit} numbers, variables and operations, at character {at}."
    zh = "数字、变量和运算的总数超过 {limit}（第 {at} 个字符处）。"


class TooDeeplyNested(ExpressionError):
    en = "Nested more than {limit} deep, at character {at}."
    zh = "嵌套超过 {limit} 层（第 {at} 个字符处）。"


class TooManyVariables(ExpressionError):
    en = "{name} at character {at} is one variable too many; {limit} is the most."
    zh = "第 {at} 个字符处的 {name} 超出变量个数上限 {limit}。"


class UnknownCharacter(ExpressionError):
    en = "{character} at character {at} has no place in an expression."
    zh = "第 {at} 个字符 {character} 不能出现在表达式中。"


class LookAlike(ExpressionError):
    en = "{character} ({code}) at character {at} is not read here: write {instead}."
    zh = "第 {at} 个字符 {character}（{code}）无法识别，请改写为 {instead}。"


class TextNotAllowed(ExpressionError):
    en = "A quotation mark at character {at}: there is no text in an expression, only numbers."
    zh = "第 {at} 个字符是引号：表达式中只能有数，不能有文字。"


class AttributeNotAllowed(ExpressionError):
    en = "A dot at character {at} that is not in a number: write sin(x), not torch.sin(x)."
    zh = "第 {at} 个字符的点不属于任何数：请写 sin(x)，而不是 torch.sin(x)。"


class BracketNotAllowed(ExpressionError):
    en = "{character} at character {at}: only round parentheses ( ) group."
    zh = "第 {at} 个字符 {character}：只能用圆括号 ( )。"


class ComparisonNotAllowed(ExpressionError):
    en = "{character} at character {at}: write one expression, without comparing or assigning."
    zh = "第 {at} 个字符 {character}：只写一个表达式，不要比较或赋值。"


class FactorialNotSupported(ExpressionError):
    en = "Factorials are not supported ({character} at character {at})."
    zh = "不支持阶乘（第 {at} 个字符 {character}）。"


class FloorDivisionNotAllowed(ExpressionError):
    en = "// at character {at} has no slope to speak of: divide with /."
    zh = "第 {at} 个字符的 // 没有有意义的斜率，请用 / 做除法。"


class ReservedWord(ExpressionError):
    en = "{name} at character {at} is a word of Python: choose another name."
    zh = "第 {at} 个字符处的 {name} 是 Python 的保留字，请换个名字。"


class BadName(ExpressionError):
    en = "{name} at character {at}: a name starts with a letter and has at most {limit} characters."
    zh = "第 {at} 个字符处的 {name}：名字须以字母开头，最多 {limit} 个字符。"


class BadNumber(ExpressionError):
    en = "{text} at character {at} is not a number as it is usually written."
    zh = "第 {at} 个字符处的 {text} 不是规范的数。"


class DigitsGrouped(ExpressionError):
    en = "Write {text}, without a comma at character {at}."
    zh = "请写作 {text}，去掉第 {at} 个字符的逗号。"


class NumberOutOfRange(ExpressionError):
    en = "{text} at character {at} is beyond the range from 1e-100 to 1e100."
    zh = "第 {at} 个字符处的 {text} 超出 1e-100 到 1e100 的范围。"


class ExponentTooLarge(ExpressionError):
    en = "The exponent at character {at} is {exponent}; from −{limit} to {limit} is allowed."
    zh = "第 {at} 个字符处的指数为 {exponent}，只允许 −{limit} 到 {limit}。"


class ConstantUndefined(ExpressionError):
    en = "{text} at character {at} has no finite value: it divides by zero, overflows, or is taken \
outside where the function is defined."
    zh = "第 {at} 个字符处的 {text} 没有有限的值：除以零、溢出，或超出了函数的定义域。"


class MissingOperand(ExpressionError):
    en = "A number, a variable or ( is missing at character {at}."
    zh = "第 {at} 个字符处缺少数、变量或左括号。"


class ImplicitMultiplication(ExpressionError):
    en = "An operator is missing at character {at}: to multiply, write {left}*{right}."
    zh = "第 {at} 个字符处缺少运算符：相乘请写 {left}*{right}。"


class NotAFunction(ExpressionError):
    en = "{name} at character {at} is not a function; to multiply, write {name}*(…)."
    zh = "第 {at} 个字符处的 {name} 不是函数；相乘请写 {name}*(…)。"


class OtherName(NotAFunction):
    en = "Did you mean {meant}? There is no function {name} at character {at}; to multiply, write \
{name}*(…)."
    zh = "是否想写 {meant}？第 {at} 个字符处的 {name} 不是函数；相乘请写 {name}*(…)。"


class FunctionNotAvailable(NotAFunction):
    en = "{name} at character {at} is not available; if it is a variable, write {name}*(…)."
    zh = "不支持第 {at} 个字符处的 {name}；如果它是变量，请写 {name}*(…)。"


class FunctionWithoutArgument(ExpressionError):
    en = "{name} at character {at} is a function: write {name}(…)."
    zh = "第 {at} 个字符处的 {name} 是函数，请写 {name}(…)。"


class WrongArgumentCount(ExpressionError):
    en = "{name} at character {at} takes 1 argument, not {given}."
    zh = "第 {at} 个字符处的 {name} 只需要 1 个参数，而不是 {given} 个。"


class TooFewArguments(ExpressionError):
    en = "{name} at character {at} takes at least 2 arguments, not {given}."
    zh = "第 {at} 个字符处的 {name} 至少需要 2 个参数，而不是 {given} 个。"


class StrayComma(ExpressionError):
    en = "The comma at character {at} separates nothing: it goes between the arguments of min or \
max. Decimals take a point, 2.5."
    zh = "第 {at} 个字符的逗号没有意义：逗号只用于 min 或 max 的参数之间；小数请用点，如 2.5。"


class ParenthesisNotClosed(ExpressionError):
    en = "The ( at character {at} is never closed."
    zh = "第 {at} 个字符的左括号没有对应的右括号。"


class ParenthesisNotOpened(ExpressionError):
    en = "The ) at character {at} was never opened."
    zh = "第 {at} 个字符的右括号没有对应的左括号。"


class NotUnderstood(ExpressionError):
    en = "Not understood at character {at}."
    zh = "第 {at} 个字符处无法理解。"


class NotText(UserError):
    en = 'expression must be text, such as "x**2".'
    zh = 'expression 必须是文本，例如 "x**2"。'


class ValuesNotNamed(UserError):
    en = 'values must give a number for each variable by its name, such as {{"x": 3}}.'
    zh = 'values 必须按变量名给出数值，例如 {{"x": 3}}。'


class ValueMissing(UserError):
    en = "No value for {names:en}."
    zh = "缺少变量 {names:zh} 的值。"


class BadValue(UserError):
    en = "The value of {name} must be a number from −1e100 to 1e100, not {value}."
    zh = "变量 {name} 的值必须是 −1e100 到 1e100 之间的数，而不是 {value}。"


class BadOrder(UserError):
    en = "order is 1 for first derivatives or 2 for second ones as well, not {order}."
    zh = "order 只能是 1（一阶导数）或 2（同时给出二阶导数），而不是 {order}。"
