#!/usr/bin/env python3
"""Writes templates.json: what Jinja2 makes of templates, set up as Hugging Face's transformers does.

    pip install jinja2==3.1.6      (with Python 3.11)
    tests/golden/jinja/make.py [SEED N FILE]

With SEED, N and FILE it writes N generated templates of another seed to FILE, for a wider comparison by hand.
"""

import copy
import datetime
import itertools
import json
import pathlib
import random
import re
import sys
import warnings

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = pathlib.Path(__file__).parent
COMMAND = "tests/golden/jinja/make.py"
NOW = datetime.datetime(2024, 3, 7, 15, 4, 5)  # told to templates; seconds since 1970: 1709823845

VARIABLES = {  # keys sorted: the Rust tests read this as JSON
    "d": {"a": 1, "b": [1, 2], "items": "I", "z": None},
    "deep": {"list": [[1, [2.5, "x"]], {"k": True}]},
    "e": "",
    "el": [],
    "f": 2.5,
    "long": "The quick brown fox\njumps over\n\nthe lazy dog. It's \"fine\".\n",
    "messages": [
        {"content": "You are terse.", "role": "system"},
        {"content": " Hi there ", "role": "user"},
        {"content": "Hello!\nHow are you?", "role": "assistant"},
        {"content": "What is 2+2? <b>é語🦀</b>", "role": "user"},
    ],
    "n": 7,
    "neg": -3,
    "no": False,
    "nothing": None,
    "objs": [{"n": 2, "name": "beta"}, {"n": 1, "name": "Alpha"}, {"n": 2, "name": "gamma", "sub": {"k": [9]}}],
    "s": "Hello World",
    "tools": [
        {
            "function": {
                "description": "Adds 'two' numbers & <more>",
                "name": "add",
                "parameters": {"properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a"], "type": "object"},
            },
            "type": "function",
        }
    ],
    "u": "  Äöü ß\tǆ ΑΣ\u00a0x\u2003",
    "words": ["b", "A", "c", "a", "B"],
    "xs": [3, 1, 2, 3],
    "yes": True,
}


class Generation(Extension):
    """transformers' AssistantTracker, without the tracking."""

    tags = {"generation"}

    def parse(self, parser):
        lineno = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_support"), [], [], body).set_lineno(lineno)

    def _support(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


def render(template):
    try:
        return {"template": template, "text": environment().from_string(template).render(**copy.deepcopy(VARIABLES))}
    except RecursionError:
        raise
    except Exception as error:
        return {"template": template, "error": type(error).__name__}


# --- by hand -----------------------------------------------------------------------------------------------------------

EXPRESSIONS = r"""
1 + 2 * 3 - 4
7 // 2, -7 // 2, 7 // -2, 7 % 3, -7 % 3, 7 % -3
7.5 // 2, -7.5 // 2, 7.5 % -2, 1 / 4, 4 / 2
2 ** 10, 2 ** -1, 2 ** 3 ** 2, -2 ** 2, 2 ** 0.5
1e3, 1.5e-7, 1e16, 1e15, 123456789012345678.0, 0.1 + 0.2, 1e22, 1_000, 0x1f, 0b101, 0o17
-0.0, 3.0, 1e400, -1e400
1 ~ 2 ~ "x" ~ none ~ true ~ [1, "a"]
1 + 2 ~ 3 + 4
true + true, true * 3, -true, +false
"a" * 3, [1] * 3, 2 * "ab", "a" * -1, (1, 2) * 2
"a" "b" 'c'
"\n\t\\\"\x41\u00e9\U0001f980\101\q"
[1, 2] + [3], (1,) + (2,), "a" + "b"
(), (1,), (1, 2), [], {}, {"a": 1, 2: "b"}
1, 2
{"a": {"b": [1, (2, "x")]}}
[none, true, false, 1.0, "it's", 'say "x"', "both ' and \"", "tab\t\x00\x7f\u200b\u00a0é"]
{1: "a", 1.0: "b", true: "c"}
1 < 2 < 3, 1 < 3 < 2, 1 == 1.0 == true, 1 != 2
"a" < "b", "Z" < "a", [1, 2] < [1, 3], (1,) < (1, 0)
1 in [1, 2], "b" in "abc", "a" in d, 3 not in xs, "x" in (), none in [none]
not true, not not 1, not 1 == 2, not x is defined
1 and 0 or "x", "" or "y", 0 and 1, none or false or 3
"a" if yes else "b", "a" if no else "b", ("a" if no), "a" if no else "b" if no else "c"
x, x is defined, x is undefined, x|default("d"), x or "y", not x, [x], x ~ "!"
d.a, d["a"], d.b[1], d.b[-1], d.b[5], d.missing, d["missing"]|default("m"), d.get("q"), d.get("q", 5)
d.items is defined, d["items"], d.keys()|list, d.values()|list, d.items()|list
d.keys(), d.values(), d.items(), {}.keys()
d.b.0, xs[0], xs.0, s[0], s[-1], s[50] is undefined
xs[1:], xs[:2], xs[::-1], xs[::2], xs[-2:], xs[5:], xs[1:3:1], xs[3:0:-2], xs[:-1], xs[-100:100]
s[1:4], s[::-1], s[:-3], s[::3], u[::-1]
messages[0].role, messages[-1]["content"], messages[1:]|length, messages|length
messages|map(attribute="role")|list, messages|map(attribute="role")|join(", ")
messages|selectattr("role", "equalto", "user")|list|length, messages|rejectattr("role", "==", "user")|map(attribute="content")|list
messages|selectattr("role", "in", ["user", "system"])|map(attribute="content")|map("trim")|list
objs|map(attribute="sub.k.0")|list, objs|map(attribute="sub.k", default="none")|list, objs|selectattr("sub")|list|length
xs|select("odd")|list, xs|reject("gt", 2)|list, xs|select|list, xs|map("string")|list, words|map("upper")|join
xs|sort, xs|sort(reverse=true), words|sort, words|sort(case_sensitive=true), objs|sort(attribute="name")|map(attribute="name")|list
objs|sort(attribute="n,name")|map(attribute="name")|list, objs|sort(attribute="n", reverse=true)|map(attribute="name")|list
xs|unique|list, words|unique|list, words|unique(true)|list, objs|unique(attribute="n")|map(attribute="name")|list
xs|min, xs|max, words|min, words|max, words|max(true), objs|max(attribute="n"), []|min, xs|sum, xs|sum(start=10), objs|sum(attribute="n"), []|sum
xs|first, xs|last, s|first, s|last, []|first, xs|reverse|list, s|reverse, xs|length, s|count, d|length
xs|batch(3)|list, xs|batch(3, "-")|list, xs|slice(3)|list, xs|slice(3, "-")|list, xs|list, s|list|length, d|list
d|dictsort, d|dictsort(reverse=true), {"b": 1, "A": 2}|dictsort, {"b": 1, "A": 2}|dictsort(true), {"b": 1, "a": 2}|dictsort(by="value"), d|items|list, x|last, x|reverse|list, none|select|list, x|map("nope")|list
[1, 2]|join, [1, 2]|join("-"), [1, none, "x"]|join(", "), "abc"|join("."), objs|join(", ", attribute="name"), x|join
s|upper, s|lower, s|title, s|capitalize, "fOO-bar (baz)"|title, s|trim, " x "|trim, "xxhixx"|trim("x"), s|center(21)|replace(" ", "."), 5|string + "x"
s|replace("l", "L"), s|replace("l", "L", 2), s|replace("", "-"), s|replace("o", ""), 5|replace(5, 6)
long|indent, long|indent(2, true), long|indent(first=true, blank=true), long|indent("> "), "a"|indent, ""|indent(2, true)|length
long|truncate(20), long|truncate(20, true), long|truncate(20, false, "…"), s|truncate(5), s|truncate(9, leeway=0), long|wordcount
"42"|int, "4.7"|int, "x"|int, "x"|int(5), "0x1f"|int(base=16), 4.9|int, none|int, " 12 "|int, "1_0"|int, true|int, -4.9|int
"4.5"|float, "x"|float, "x"|float(1.5), "1e3"|float, 3|float, "inf"|float, " 2.5 "|float
42.55|round, 42.55|round(1), 42.5|round, 43.5|round, 7|round, 42.55|round(1, "floor"), 42.55|round(1, "ceil"), 5|round(0, "ceil"), 2.675|round(2), -1.5|round
-5|abs, (-5)|abs, -2.5|abs, 5|abs, true|abs
"%s and %d"|format("a", 5), "%(a)s"|format(a=1), "%05.1f|%-5s|%5s|%+d|%x|%%" % (2.345, "a", "b", 5, 255)
"%r" % ("it's",), "%s" % [1], "%s %s" % (1, 2), "%e %g %G" % (12345.678, 0.00001234, 1e20), "%.3s|%c|%o" % ("abcdef", "x", 8), "%5d|%-5d|%05d|% d" % (42, 42, 42, 42)
"{} {}".format(1, "a"), "{0} {1} {0}".format("x", "y"), "{a} {b!r}".format(a=1, b="q"), "{:>5}|{:<5}|{:^5}|{:*^7}".format("a", "b", "c", "d")
"{:d} {:5d} {:05d} {:+d} {:,} {:x} {:#x} {:b} {:o}".format(1, 2, 3, 4, 1234567, 255, 255, 5, 8), "{:.2f} {:8.3f} {:e} {:g} {:%}".format(1.005, 2.5, 12345.6789, 0.0001, 0.25), "{{}} {}".format(1), "{:.2}".format("abc")
"{0[a]} {0[b][1]}".format(d), "{} {}".format(none, [1, "a"])
d|tojson, messages[0]|tojson, tools|tojson, tools|tojson(indent=2), [1, 2.5, none, true, "é<>&'\"\n\u2028"]|tojson, "é🦀\x7f"|tojson(ensure_ascii=true)
{"b": 2, "a": {"d": 1, "c": []}}|tojson(sort_keys=true), {"b": 2, "a": 1}|tojson(separators=(",", ":")), {"b": [1]}|tojson(indent=4), {"b": [1, {}]}|tojson(indent="\t"), [1, [2]]|tojson(indent=0), []|tojson(indent=2), {1: 2, none: 3, true: 4, 1.5: 6}|tojson, (1, 2)|tojson, 1e16|tojson, [1]|tojson(indent=-1)
{"b": 2, "a": "é"}|tojson(sort_keys=true, separators=(",", ":"), ensure_ascii=true), {"a": 1}|tojson(true, 1)
none is iterable, {} is sequence, "abc" is sequence, [] is sequence, 1 is sequence, x is sequence, x is iterable, range(3) is sequence, d.items() is sequence, (1,) is iterable
none is none, 1 is none, x is none, {} is mapping, [] is mapping, d is mapping, "a" is string, 1 is string, 1 is number, 1.5 is number, true is number, "1" is number
1 is integer, true is integer, 1.0 is integer, 1.0 is float, true is boolean, 1 is boolean, true is true, 1 is true, false is false, 0 is false
3 is odd, 4 is even, 4 is odd, 9 is divisibleby 3, 9 is divisibleby(2), 2.0 is even, true is odd
"abc" is lower, "ABC" is upper, "Abc" is lower, "1" is lower, 1 is eq 1, 1 is ne 2, 1 is lt 2, 2 is ge 2, 1 is in [1], "a" is in "abc", 3 is not in xs, none is sameas none, true is sameas true, 1 is sameas true, 1 is equalto 1
range is callable, s.upper is callable, s is callable, s is defined, x is not defined, x is not none, s.nope is defined, s.split is defined, d.update is defined
" a b ".strip() ~ "|", "xxaxx".strip("x"), "  a".lstrip(), "a  ".rstrip() ~ "|", "abcab".rstrip("ab")
"a,b,,c".split(","), " a  b ".split(), "a b c".split(" ", 1), "a b c".split(none, 1), "a b c".rsplit(" ", 1), "  a b  c ".rsplit(none, 1), "".split(), "".split(","), "a<x>b<x>c".split("<x>")[-1]
"a\nb\r\nc\n".splitlines(), "a\nb".splitlines(true), "a=b=c".partition("="), "a=b=c".rpartition("="), "abc".partition("x"), "abc".rpartition("x")
s.startswith("He"), s.startswith(("x", "H")), s.endswith("d"), s.startswith("l", 2), s.endswith("o", 0, 5), s.startswith("")
s.find("o"), s.rfind("o"), s.find("z"), s.find("o", 5), s.index("W"), s.count("l"), s.count(""), u.find("ß"), s.find("", 50), s.find("o", -3)
s.upper(), s.lower(), s.title(), s.capitalize(), s.swapcase(), "it's a tEST".title(), "ß".upper(), "ǆ".title(), "ΑΣ".lower(), "straße".capitalize(), "ΑΣ".capitalize(), u.title()
"abc".isalpha(), "ab1".isalpha(), "12".isdigit(), "".isdigit(), "a1".isalnum(), " \t".isspace(), "".isspace(), "AB".isupper(), "Ab".istitle(), "abé".isascii(), "a\n".isprintable(), "é".isprintable()
"5".zfill(3), "-5".zfill(4), "abc".center(10, "*"), "abc".center(6, "*"), "abcd".center(7, "*"), "a".ljust(3, "."), "a".rjust(3, "."), "a\tb".expandtabs(4), "abc".replace("b", "x"), "aaa".replace("a", "b", 2)
"abc".removeprefix("a"), "abc".removesuffix("bc"), "abc".removeprefix("x"), ", ".join(["a", "b"]), "-".join("abc"), ", ".join(d), ", ".join(words|map("upper"))
[1, 2, 1].count(1), [1, 2].index(2), (1, 2).count(5), [3].copy(), d.copy() == d, 2.0.is_integer()
range(3)|list, range(1, 10, 3)|list, range(5, 0, -2)|list, range(3), range(0), range(2, 3)|length, range(10)[2], range(10)[-1], 3 in range(5)
dict(a=1, b=2), dict([("a", 1)]), dict(d, a=9).a, dict()
strftime_now("%Y-%m-%d %H:%M:%S"), strftime_now("%d %B %Y"), strftime_now("%-d %b %y, %A %a"), strftime_now("%j|%I %p|%M|%f|%w|%u|%U|%W|%V|%G|%C|%e|%D|%F|%T|%R|%r|%h|%k|%l|%P|%Z|%z|%%|%x|%X|%c|%-m|%-H|%-I|%_d|%^a|%n|%t|%g|%-j")
"<a>"|e, "<a>"|escape|length, "<"|safe, ("<"|safe) ~ "<", ("<"|safe)|string, "<"|e is escaped, d|tojson|safe
[1, 2] == [1, 2], [1] == (1,), {"a": 1} == {"a": 1.0}, "a" == 1, none == false, range(3) == range(0, 3, 1), x == y, x == none, {} == []
10000000000 * 10, 9223372036854775807, -9223372036854775807, 3 * 1.0, 7 / 7
1.0 == 1, 1 < 1.5, 9007199254740993 == 9007199254740992.0, 1 > 0.5
namespace(a=1).a, namespace({"b": 2}).b, namespace().c is defined, namespace(a=1)["a"]
cycler("a", "b").next(), cycler("a", "b").current
(xs|map("abs"))|first, xs|map("abs")|sum, xs|reverse|first, xs|batch(2)|map("sum")|list
"a" in words|map("lower"), 5 in xs|select
s is string and s|length > 3 or no, (s if s else "e")[0], (xs + [9])[-1], {"a": [5]}["a"][0], [[1, 2], [3]]|sum(start=[]), [[1, 2], [3, 4]]|map("first")|list, [[1, 2], [3, 4]]|map(attribute=1)|list
nothing ~ "", nothing is none, nothing == none, nothing or "x", nothing|default("d"), nothing|default("d", true), e|default("d", true), no|d("x", boolean=true)
s.missing is undefined, s.missing|default("q"), nothing.foo is defined, nothing["foo"] is defined, xs["foo"] is defined, s["upper"](), d["get"]("a")
u|upper, u|lower, u|trim, u|length, u.split(), u|title, u|capitalize, u.strip()
"\u0130".lower(), "ŉ".upper(), "ﬁ".title(), "ÀÉ".swapcase(), "İ"|lower|length
"é" < "z", "é" > "z", "語" in messages[3].content, messages[3].content|length, messages[3].content.find("🦀"), messages[3].content[::-1]
deep, deep.list[0][1][0], deep.list[1].k, deep.list|first|last|last
1 if x is defined else 2, x.y is defined if x is defined else "no"
"abc"|map("upper")|list, {"a": 1, "b": 2}|map("upper")|list, xs|map("default", 3)|list, [x, 1]|map("default", 3)|list
3 % 2 == 1, 10 - 2 - 3, 2 * 3 % 4, -7 // 2 * 2, 1 - -1, 1 - +1
("a", "b")[1], (1, 2, 3)[1:], (1, 2)|length, (1, 2)|list, (1, 2) in [(1, 2)], {(1, 2): "t"}[(1, 2)]
[1, [2, [3]]]|string, {"a": none}|string, 1.5|string, true|string, none|string|length
d|attr("keys") is callable, "abc"|attr("upper") is defined, d|attr("a") is defined
"a" ~ "b" * 2, "a" ~ 1 + 1
not (1 in [1]), not 1 in [2], 1 not in [2] and 2 in [2]
[1,], {"a": 1,}, (1,)
""" 

ERRORS = r"""
x.y | x.y.z | x[0] | x + 1 | x() | -x | x < 1 | s.nope() | nothing.foo.bar | d.missing.x | 1 + "a" | "a" + 1 | [] + () | {} + {}
1 / 0 | 1 // 0 | 1 % 0 | 1.0 / 0 | 0 ** -1 | 1 < "a" | none < 1 | [1] < ["a"] | 1 in 5 | 1 in none | 1 in "abc" | x in "abc"
s() | 5() | none() | d.update({}) | xs.append(1) | xs.sort() | d.pop("a") | s.__class__ | "".__class__.__mro__ | d.__len__() | s|nope | s is nope | s.index("q")
xs|length(1) | 5|length | none|length | xs|join(1, 2, 3) | s|upper(1) | 5|list | none|sort | [1, "a"]|sort | [none, 1]|max | d|batch | {[]: 1} | {{}: 1}
"%s" % () | "%s %s" % (1,) | "%d" % "a" | "%q" % 1 | "abc" % 5 | "{}".format() | "{a}".format(1) | "{0} {}".format(1) | "{".format() | "%(q)s" % d | "%(a)s" % 5
range(1000000) | range(0, 10, 0) | range("a") | range() | "a".center() | "a".join([1]) | "a".split("") | "a".zfill("b") | "".join(5) | xs[::0] | s[1:"a"] | d[1:2]
strftime_now() | dict(5) | dict([1]) | raise_exception("no") | raise_exception(d) | x|tojson | range(2)|tojson | {(1,): 2}|tojson | [1]|tojson(indent=1.5) | xs|map("nope")|list | xs|select("nope")|list
"a"|round | "a"|abs | 5|dictsort | 5|items|list | namespace(5) | x|abs | 1 is divisibleby 0 | "a" is odd | none is even | [].index(1) | xs|sum("a") | words|sum | 1e308 ** 2 | "abc"|truncate(1) | "a".startswith(1)
2 ** 3.5 ** "a" | not | 1 + | [1, 2 | {1 | "abc | (1 | a b | 1 1 | x is | x| | {1, 2} | f(a=1, 2) | f(a=1, a=2) | x is is | x is string is string | a..b | a.(b) | @ | 1 if | "a" "b" 1 | f(*a, *b) | f(**a, b) | x[] | x[1 2] | 007 | 1..2 | "\x1"
""" 

TEMPLATES = [
    # white space
    "a\n{% if true %}\nb\n{% endif %}\nc\n", "a\n  {% if true %}  \n  b\n  {% endif %}  \nc", "  {%- if true -%}  x  {%- endif -%}  y",
    "a {{- 1 -}} b", "a\n {{ 1 }}\n b\n", "a\n  {%+ if true %}\nb{% endif +%}\nc", "{% if true +%}\nx{% endif %}", "x {# c #} y", "x\n  {# c #}\ny\n", "x {#- c -#} y",
    "a\n\t{# c +#}\nb", "{#- a #}{# - #} z", "\n\n{{ 1 }}\n\n", "a\r\nb\rc\n{% if 1 %}\r\nd{% endif %}\r\n", "{{ 1 }}\n", "{{ 1 }}\n\n", "\n", "",
    "{% raw %}{{ x }}{% y %}{% endraw %}z", "a\n  {% raw %}\n b {% endraw %}\nc", "{%- raw -%} a {%- endraw -%} b", "{% raw %}\n{% endraw %}\n.", "x{%raw%} {# #} {%endraw%}y",
    "{{ '{{' }} {{ '}}' }} {{ \"%}\" }}", "{{ {'a': {'b': 1}} }}", "{{ {'a': {}}['a'] }}", "{ {{ 1 }} }", "{% if true %}{% endif %}", "a{% set x = 1 %}\n\nb", "  {% set x = 1 %}{{ x }}",
    "\u00a0{%- if 1 %}x{% endif -%}\u2003\x1fy", "a \n {%- set x = 1 -%} \n b", "{{ 1 }}{# unclosed? #}{{ 2 }}", "x\n    {%- for i in [1,2] %}\n    {{ i }}\n    {%- endfor %}\ny", "{%if true%}x{%endif%}", "{%\nif\ntrue\n%}x{%\nendif\n%}",
    "{{ s\n|\nupper\n}}", "{{- '\n' -}}", "a{%- if true +%}\n b {%+ endif -%}\n c",
    # statements
    "{% for x in xs %}{{ loop.index }}/{{ loop.length }}:{{ x }}{{ ',' if not loop.last }}{% endfor %}",
    "{% for x in xs %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.depth }}{{ loop.depth0 }} {% endfor %}",
    "{% for x in xs %}[{{ loop.previtem }}<{{ x }}<{{ loop.nextitem }}]{{ loop.previtem is defined }}{% endfor %}",
    "{% for x in xs %}{{ loop.cycle('a', 'b', 'c') }}{{ loop.changed(x % 2) }}{% endfor %}", "{% for x in [] %}a{% else %}empty{% endfor %}", "{% for x in x %}a{% else %}none{% endfor %}",
    "{% for x in xs if x > 1 %}{{ loop.index }}{{ loop.last }}{{ x }} {% else %}none{% endfor %}", "{% for x in xs if x > 5 %}{{ x }}{% else %}none{% endfor %}", "{% for x in xs if x > 1 %}{{ loop.length }}{{ loop.revindex }}{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}", "{% for a, b in [(1, 2), [3, 4], 'xy'] %}{{ a }}{{ b }}{% endfor %}", "{% for (a, (b, c)) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for c in 'aé🦀' %}{{ c }}.{% endfor %}", "{% for x in range(3) %}{{ x }}{% endfor %}", "{% for x in 1, 2, 3 %}{{ x }}{% endfor %}", "{% for x in (1, 2) if x == 2 %}{{ x }}{% endfor %}",
    "{% for x in xs %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}", "{% for x in xs %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% else %}never{% endfor %}", "{% for x in [1] %}{% break %}{% else %}else{% endfor %}.", "{% for x in xs %}{% continue %}{% else %}else{% endfor %}.", "{% for x in xs %}{% if loop.last %}{% break %}{% endif %}{% else %}else{% endfor %}.",
    "{% for x in xs %}{% for y in xs %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}", "{% for x in xs %}{% set l = loop %}{% for y in [1] %}{{ l.index }}{% endfor %}{% endfor %}",
    "{% set a = 1 %}{% for x in xs %}{% set a = a + 1 %}{{ a }}{% endfor %}{{ a }}", "{% for x in [1] %}{% set q = 5 %}{% endfor %}{{ q is defined }}", "{% if true %}{% set q = 5 %}{% endif %}{{ q }}",
    "{% set ns = namespace(a=0, b='x') %}{% for x in xs %}{% set ns.a = ns.a + x %}{% set ns.c = x %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c }}", "{% set ns = namespace(found=false) %}{% for x in xs if not ns.found %}{{ x }}{% if x == 1 %}{% set ns.found = true %}{% endif %}{% endfor %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set (a, b) = [3, 4] %}{{ a }}{{ b }}", "{% set a = 1, %}{{ a }}", "{% set a = b = 1 %}", "{% set x %}in {{ s }}{% endset %}[{{ x }}]", "{% set x | upper | trim %} in {{ s }} {% endset %}[{{ x }}]", "{% set x %}{% set y = 1 %}{% endset %}{{ y is defined }}",
    "{% macro m(a, b=2, c='x') %}{{ a }}-{{ b }}-{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(c=5, a=4) }} {{ m() }} {{ m(1, c=a) }}", "{% macro m(a) %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, k=4) }}", "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{% endmacro %}{{ m(q=2) }}", "{% macro m(a=1, b=a + 1) %}{{ a }}{{ b }}{% endmacro %}{{ m() }}{{ m(5) }}{{ m(b=0) }}", "{% macro fib(n) %}{{ n if n < 2 else fib(n - 1)|int + fib(n - 2)|int }}{% endmacro %}{{ fib(9) }}", "{% set g = 1 %}{% macro m() %}{{ g }}{{ h }}{% endmacro %}{% set h = 2 %}{{ m() }}",
    "{% macro m() %}{% set g = 5 %}{{ g }}{% endmacro %}{{ m() }}{{ g is defined }}", "{% macro m(x) %}<{{ caller() }}{{ x }}>{% endmacro %}{% call m(1) %}body {{ s }}{% endcall %}", "{% macro m() %}{% for i in [1, 2] %}{{ caller(i) }}{% endfor %}{% endmacro %}{% call(i) m() %}[{{ i }}]{% endcall %}",
    "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}", "{% macro m() %}{% endmacro %}{% call m() %}{% endcall %}", "{% macro m(a, b) %}{{ b }}{% endmacro %}{{ m(*[1, 2]) }}{{ m(**{'b': 3}) }}{{ m(1, *[2]) }}", "{% for i in xs %}{% macro m() %}{{ i }}{{ loop.index }}{% endmacro %}{{ m() }}{% endfor %}",
    "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}", "{{ m() }}{% macro m() %}{% endmacro %}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(m(1)) }}{{ m.name }}", "{% macro m(f) %}{{ f(2) }}{% endmacro %}{% macro sq(x) %}{{ x * x }}{% endmacro %}{{ m(sq) }}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}", "{% set a = 5 %}{% with a = 1, b = a %}{{ b }}{% endwith %}{{ a }}", "{% with %}{% set z = 1 %}{{ z }}{% endwith %}{{ z is defined }}", "{% filter upper %}a{{ s }}{% endfilter %}", "{% filter replace('a', 'b') | title %}a banana{% endfilter %}",
    "{% generation %}a {{ s }}{% endgeneration %}b", "{% for m in messages %}{% generation %}\n{{ m.role }}{{ loop.index }}\n{% endgeneration %}{% endfor %}", "{% generation %}{% set q = 1 %}{% endgeneration %}{{ q is defined }}", "{%- generation -%} x {%- endgeneration -%} y",
    "{% if no %}a{% elif n == 7 %}b{% else %}c{% endif %}", "{% if x %}a{% elif x.y %}b{% endif %}", "{% if 1, 2 %}t{% endif %}", "{% if '' or [] or {} or 0 or 0.0 or none or x %}t{% else %}f{% endif %}", "{% if not messages %}a{% endif %}b", "{% print s %}", "{% print 1, 2 %}", "{% if true: %}x{% endif %}",
    "{% set j = joiner('|') %}{% for x in xs %}{{ j() }}{{ x }}{% endfor %}", "{% set c = cycler(1, 2) %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.next() }}", "{% set range = 5 %}{{ range }}", "{% set messages = messages[1:] %}{{ messages|length }}",
    "{% set x = 1 %}{% set x = x + 1 %}{{ x }}", "{% set l = [1] %}{% set l = l + [2] %}{{ l }}", "{% set s2 = s.split(' ') %}{{ s2[0] }}", "{% for m in messages if m.role == 'user' %}{{ loop.index0 }}{{ m.content|trim }}|{% endfor %}", "{% for x in xs|sort %}{{ x }}{% endfor %}", "{% for x in xs %}{% endfor %}{{ loop is defined }}",
    "{% for m in messages %}{% if loop.previtem is defined and loop.previtem.role == m.role %}same{% endif %}{{ loop.nextitem.role if not loop.last }}{% endfor %}", "{% set g = xs|map('string') %}{{ g|join }}", "{{ xs|map('string')|map('int')|sum }}", "{% for a in xs|batch(2) %}{{ a }}{% endfor %}",
    # statements that are wrong
    "{% if %}{% endif %}", "{% if true %}", "{% endif %}", "{% for x %}{% endfor %}", "{% for x in %}{% endfor %}", "{% for 1 in x %}{% endfor %}", "{% set %}", "{% set 1 = 2 %}", "{% set true = 1 %}", "{% nope %}", "{% break %}", "{% if true %}{% endfor %}", "{% macro %}{% endmacro %}", "{% macro m(1) %}{% endmacro %}", "{% macro m(a=1, b) %}{% endmacro %}",
    "{{ 1", "{{ 1 %}", "{% if 1 }}", "{# open", "{% raw %}x", "{{ }}", "{% %}", "{% call 1 %}{% endcall %}", "{% set x.y = 1 %}", "{% set d.a = 1 %}", "{% for a, b in [(1, 2, 3)] %}{% endfor %}", "{% for a, b in xs %}{% endfor %}", "{% for x in 5 %}{% endfor %}", "{% for x in none %}{% endfor %}", "{% set a, b = 1 %}", "{{ ] }}", "{{ (1] }}", "{% else %}", "{% macro m() %}{% break %}{% endmacro %}",
]

CHATS = [  # of the kinds that models have; written for this file, CC0
    # ChatML
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
    # Llama 2
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ '<s>[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' </s>' }}{% endif %}{% endfor %}",
    # Llama 3
    "{{- '<|begin>' }}\n{%- if not date_string is defined %}\n    {%- set date_string = strftime_now('%d %b %Y') %}\n{%- endif %}\n{%- for message in messages %}\n    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}\n        {{- '<|h|>' + message['role'] + '<|/h|>\\n\\n' + message['content'] | trim + '<|eot|>' }}\n    {%- elif 'tool_calls' in message %}\n        {{- raise_exception('one call') }}\n    {%- endif %}\n{%- endfor %}\n{%- if tools is not none %}\n    {%- for t in tools %}\n        {{- t | tojson(indent=4) }}\n        {{- '\\n\\n' }}\n    {%- endfor %}\n{%- endif %}\n{{- date_string }}\n",
    # with tools and thinking, as Qwen 3
    "{%- if tools %}\n    {{- '<|im_start|>system\\n' }}\n    {%- if messages[0].role == 'system' %}\n        {{- messages[0].content + '\\n\\n' }}\n    {%- endif %}\n    {{- '# Tools\\n<tools>' }}\n    {%- for tool in tools %}\n        {{- '\\n' }}\n        {{- tool | tojson }}\n    {%- endfor %}\n    {{- '\\n</tools>' }}\n{%- endif %}\n{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}\n{%- for message in messages[::-1] %}\n    {%- set index = (messages|length - 1) - loop.index0 %}\n    {%- if ns.multi_step_tool and message.role == 'user' and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}\n        {%- set ns.multi_step_tool = false %}\n        {%- set ns.last_query_index = index %}\n    {%- endif %}\n{%- endfor %}\n{%- for message in messages %}\n    {%- if message.content is string %}\n        {%- set content = message.content %}\n    {%- else %}\n        {%- set content = '' %}\n    {%- endif %}\n    {%- if (message.role == 'user') or (message.role == 'system' and not loop.first) %}\n        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}\n    {%- elif message.role == 'assistant' %}\n        {%- set reasoning = '' %}\n        {%- if '</think>' in content %}\n            {%- set reasoning = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}\n            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}\n        {%- endif %}\n        {%- if loop.index0 > ns.last_query_index %}\n            {{- '<think>' + reasoning.strip('\\n') + '</think>' + content.lstrip('\\n') }}\n        {%- else %}\n            {{- content }}\n        {%- endif %}\n    {%- endif %}\n{%- endfor %}\n{%- if enable_thinking is defined and enable_thinking is false %}\n    {{- '<think>\\n\\n</think>\\n\\n' }}\n{%- endif %}",
    # Gemma
    "{{ '<bos>' }}{% if messages[0]['role'] == 'system' %}{% set first = messages[0]['content'] + '\\n\\n' %}{% set rest = messages[1:] %}{% else %}{% set first = '' %}{% set rest = messages %}{% endif %}{%- for message in rest -%}\n    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}\n        {{ raise_exception('alternate') }}\n    {%- endif -%}\n    {%- if (message['role'] == 'assistant') -%}\n        {%- set role = 'model' -%}\n    {%- else -%}\n        {%- set role = message['role'] -%}\n    {%- endif -%}\n    {{ '<turn>' + role + '\\n' + (first if loop.first else '') }}\n    {%- if message['content'] is string -%}\n        {{ message['content'] | trim }}\n    {%- elif message['content'] is iterable -%}\n        {%- for item in message['content'] -%}\n            {%- if item['type'] == 'image' -%}<image>{%- elif item['type'] == 'text' -%}{{ item['text'] | trim }}{%- endif -%}\n        {%- endfor -%}\n    {%- endif -%}\n    {{ '</turn>\\n' }}\n{%- endfor -%}",
    # Mistral with tools at the last question
    "{%- set loop_messages = messages[1:] if messages[0].role == 'system' else messages %}\n{%- set user_messages = loop_messages | selectattr('role', 'equalto', 'user') | list %}\n{%- set ns = namespace() %}\n{%- set ns.index = 0 %}\n{%- for message in loop_messages %}\n    {%- if not (message.role == 'tool' or (message.tool_calls is defined and message.tool_calls is not none)) %}\n        {%- if (message['role'] == 'user') != (ns.index % 2 == 0) %}\n            {{- raise_exception('alternate') }}\n        {%- endif %}\n        {%- set ns.index = ns.index + 1 %}\n    {%- endif %}\n{%- endfor %}\n{%- for message in loop_messages %}\n    {%- if message['role'] == 'user' %}\n        {%- if tools is not none and (message == user_messages[-1]) %}\n            {{- '[AVAILABLE_TOOLS] [' }}\n            {%- for tool in tools %}\n                {%- set tool = tool.function %}\n                {{- '{\"type\": \"function\", \"function\": {' }}\n                {%- for key, val in tool.items() if key != 'return' %}\n                    {%- if val is string %}\n                        {{- '\"' + key + '\": \"' + val + '\"' }}\n                    {%- else %}\n                        {{- '\"' + key + '\": ' + val|tojson }}\n                    {%- endif %}\n                    {%- if not loop.last %}\n                        {{- ', ' }}\n                    {%- endif %}\n                {%- endfor %}\n                {{- '}}' }}\n            {%- endfor %}\n            {{- ']' }}\n        {%- endif %}\n        {{- '[INST] ' + message.content + '[/INST]' }}\n    {%- else %}\n        {{- ' ' + message.content|trim + '</s>'}}\n    {%- endif %}\n{%- endfor %}\n",
    # types of tools as a recursive macro, as in templates that describe functions in TypeScript
    "{%- macro type_of(spec) -%}\n{%- if spec.type == 'object' -%}\n{%- if spec.properties -%}\n{ {% for key, value in spec.properties.items() %}{{ key }}{% if key not in spec.required %}?{% endif %}: {{ type_of(value) }}{{ '; ' if not loop.last }}{% endfor %} }\n{%- else -%}object{%- endif -%}\n{%- elif spec.type == 'array' -%}\n{{ type_of(spec['items']) }}[]\n{%- elif spec.enum is defined -%}\n{{ spec.enum|map('tojson')|join(' | ') }}\n{%- else -%}\n{{ {'number': 'number', 'integer': 'number'}.get(spec.type, 'any') }}\n{%- endif -%}\n{%- endmacro -%}\n{% for tool in tools %}// {{ tool.function.description }}\ntype {{ tool.function.name }} = (_: {{ type_of(tool.function.parameters) }}) => any;\n{% endfor %}",
    # parameters as XML, as Qwen 3 Coder
    "{% macro extras(d, known) %}{% for k in d %}{% if k not in known %}\n<{{ k }}>{{ d[k] | tojson | safe if d[k] is mapping or (d[k] is sequence and d[k] is not string) else d[k] | string }}</{{ k }}>{% endif %}{% endfor %}{% endmacro %}{%- for tool in tools %}\n    {%- if tool.function is defined %}\n        {%- set tool = tool.function %}\n    {%- endif %}\n    {{- '<function>\\n<name>' ~ tool.name ~ '</name>' }}\n    {%- if tool.parameters is defined and tool.parameters is mapping %}\n        {%- for name, fields in tool.parameters.properties|items %}\n            {{- '\\n<parameter>' ~ name ~ (fields.type | string) ~ '</parameter>' }}\n            {{- extras(fields, ['type']) }}\n        {%- endfor %}\n    {%- endif %}\n    {{- extras(tool, ['name', 'parameters']) }}\n{%- endfor %}",
    # roles by a dict, as Command R and Granite
    "{%- set roles = {'user': 'USER', 'assistant': 'CHATBOT', 'system': 'SYSTEM'} -%}\n{% for message in messages %}\n<|{{ roles[message.role] }}|>{{ message.content }}\n{%- if message.documents is defined and message.documents | length > 0 %}{{ message.documents }}{% endif %}\n<|END|>\n{% endfor %}\n{%- if add_generation_prompt | default(true) -%}<|{{ roles['assistant'] }}|>{%- endif -%}",
    # Phi and Zephyr: a line for each role
    "{% for message in messages %}{% if message['role'] == 'system' and message['content'] %}{{'<|system|>\\n' + message['content'] + '<|end|>\\n'}}{% elif message['role'] == 'user' %}{{'<|user|>\\n' + message['content'] + '<|end|>\\n'}}{% elif message['role'] == 'assistant' %}{% generation %}{{'<|assistant|>\\n' + message['content'] + '<|end|>\\n'}}{% endgeneration %}{% endif %}{% endfor %}{% if not add_generation_prompt %}{{ '<|endoftext|>' }}{% endif %}",
]


# --- generated -----------------------------------------------------------------------------------------------------------

VALUES = ["n", "neg", "f", "s", "u", "e", "long", "xs", "words", "el", "d", "objs", "nothing", "yes", "no", "x", "0", "1", "-2.75", "1e20", "'a'", "'12'", "' b '", "'é'", "(1, 'a')", "()", "{'k': 1}", "{}", "[[1, 2], [3, 4]]", "range(4)", "messages", "deep", "d.items()", "'%s'", "'{}'"]
FILTERS = ["abs", "batch(2)", "capitalize", "center(9)", "count", "default('q')", "default('q', true)", "dictsort", "first", "float", "format(1)", "indent", "indent(1, true, true)", "int", "items|list", "join(',')", "last", "length", "list", "lower", "map('string')|list", "map(attribute='name')|list", "max", "min", "reject|list", "replace('a', 'b')", "reverse|list", "round", "round(1)", "select|list", "slice(2)|list", "sort", "sort(reverse=true)", "string", "sum", "title", "tojson", "tojson(indent=1)", "tojson(sort_keys=true)", "trim", "truncate(6)", "unique|list", "upper", "wordcount", "e", "safe"]
TESTS = ["boolean", "callable", "defined", "divisibleby 2", "eq 1", "even", "false", "float", "in xs", "in 'abc'", "integer", "iterable", "lower", "mapping", "ne 'a'", "none", "number", "odd", "sequence", "string", "true", "undefined", "upper", "gt 1", "le 'b'", "escaped"]
ACCESSES = [".a", "['a']", "[0]", "[-1]", "[1:]", "[::-1]", "[:2]", ".upper()", ".split()", ".strip()", ".items()|list", ".keys()|list", ".get('a')", ".title()", ".splitlines()", ".startswith('a')", ".count('a')", ".index('a')", ".find('o')", ".isupper()", ".islower()", ".istitle()", ".isspace()", ".swapcase()", ".zfill(4)", ".rjust(4)", ".center(8, '-')", ".partition(' ')", ".capitalize()", ".replace('l', '')", ".format(5)", ".join(['x', 'y'])", ".rsplit(' ', 1)", ".copy()", ".values()|list", "[true]", "['items']", "[none]"]
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]


def expression(rng, depth=0):
    kind = rng.randrange(7 if depth < 3 else 1)
    inner = lambda: expression(rng, depth + 1)
    if kind < 2:
        return rng.choice(VALUES)
    if kind == 2:
        return f"({inner()} {rng.choice(OPERATORS)} {inner()})"
    if kind == 3:
        return f"({inner()})|{rng.choice(FILTERS)}"
    if kind == 4:
        return f"({inner()} is {rng.choice(['', 'not '])}{rng.choice(TESTS)})"
    if kind == 5:
        return f"({inner()}){rng.choice(ACCESSES)}"
    return rng.choice([f"({inner()} if {inner()} else {inner()})", f"[{inner()}, {inner()}]", f"{{'k': {inner()}}}", f"(not {inner()})", f"({inner()}, {inner()})"])


def statement(rng, depth=0):
    inner = lambda: "".join(statement(rng, depth + 1) for _ in range(rng.randrange(1, 3)))
    dash = lambda: rng.choice(["", "", "", "-", "+"])
    open, close = lambda: "{%" + dash() + rng.choice([" ", "\n"]), lambda: " " + dash() + "%}"
    space = lambda: rng.choice(["", "", " ", "\n", "\n  ", "  \n", "\t", "x", "x\n\n"])
    kind = rng.randrange(9 if depth < 3 else 3)
    body = {
        0: lambda: "{{" + rng.choice(["", "-"]) + " " + rng.choice(["a", "b", "i", "s", "loop.index"]) + " " + rng.choice(["", "-"]) + "}}",
        1: lambda: "{#" + dash() + " c " + dash() + "#}",
        2: lambda: open() + f"set {rng.choice('ab')} = {rng.choice(['1', 's', 'i', 'a', '[a, b]'])}" + close(),
        3: lambda: open() + f"if {rng.choice(['a', 'b', 'yes', 'no', 'i is defined', 'loop.first'])}" + close() + inner() + rng.choice(["", open() + "else" + close() + inner()]) + open() + "endif" + close(),
        4: lambda: open() + f"for i in {rng.choice(['xs', 'words', 'el', 'range(2)'])}{rng.choice(['', ' if i', ' if i != 1'])}" + close() + inner() + rng.choice(["", open() + "else" + close() + inner()]) + open() + "endfor" + close(),
        5: lambda: open() + "set a" + close() + inner() + open() + "endset" + close(),
        6: lambda: open() + f"with b = {rng.choice(['a', '2'])}" + close() + inner() + open() + "endwith" + close(),
        7: lambda: open() + f"macro m(a{rng.choice(['', '=b'])})" + close() + inner() + open() + "endmacro" + close() + "{{ m(b) }}",
        8: lambda: open() + "filter upper" + close() + inner() + open() + "endfilter" + close(),
    }[kind]()
    return space() + body + space()


def generated(rng, n):
    pairs = [f"{{{{ {a} {o} {b} }}}}" for a, o, b in itertools.product(VALUES, OPERATORS, VALUES)]
    suffixed = [f"{{{{ {v}|{f} }}}}" for v, f in itertools.product(VALUES, FILTERS)]
    suffixed += [f"{{{{ {v} is {t} }}}}" for v, t in itertools.product(VALUES, TESTS)]
    suffixed += [f"{{{{ ({v}){a} }}}}" for v, a in itertools.product(VALUES, ACCESSES)]
    mixed = [f"{{{{ {expression(rng)} }}}}" for _ in range(n)]
    blocks = ["".join(statement(rng) for _ in range(rng.randrange(1, 4))) for _ in range(n)]
    sample = lambda templates: rng.sample(templates, min(n, len(templates)))
    return sample(pairs) + sample(suffixed) + sample(sorted(set(mixed))) + sample(sorted(set(blocks)))


def plain(case):
    """Without what depends on the machine (addresses of objects), texts that are too long to store, and slices of what has
    none: Jinja's optimizer makes nothing of these errors where the value is constant, and else they are errors."""
    if re.search(r"(0|1|1e20|-2\.75|\{\}|\{'k': 1\})\)*\[[1:2-]+\]", case["template"]):
        return False
    text = case.get("text", "")
    return " at 0x" not in text and "<built-in" not in text and "<bound" not in text and "<LoopContext" not in text and "<Macro" not in text and len(text) < 2000


def write(path, seed, n, by_hand):
    rng = random.Random(seed)
    hand = []
    if by_hand:
        hand += ["{{ %s }}" % e for line in EXPRESSIONS.strip().split("\n") for e in parts(line)]
        hand += ["{{ %s }}" % e for line in ERRORS.strip().split("\n") for e in line.split(" | ")]
        hand += TEMPLATES + CHATS
    content = {"command": COMMAND, "jinja2": jinja2.__version__, "now": int(NOW.replace(tzinfo=datetime.timezone.utc).timestamp()), "variables": VARIABLES}
    head = ",\n".join(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in content.items())
    lists = {"by_hand": list(map(render, hand)), "generated": list(filter(plain, map(render, generated(rng, n))))}
    rows = ",\n".join(f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]" for name, cases in lists.items())
    pathlib.Path(path).write_text("{\n" + head + ",\n" + rows + "\n}\n", encoding="utf-8")


def parts(line):
    """The expressions of a line, separated by commas outside of brackets and strings."""
    found, depth, quote, start, i = [], 0, None, 0, 0
    while i < len(line):
        c = line[i]
        if quote:
            i += c == "\\"
            quote = None if c == quote else quote
        elif c in "\"'":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == "," and depth == 0:
            found.append(line[start:i].strip())
            start = i + 1
        i += 1
    return [part for part in found + [line[start:].strip()] if part]


if __name__ == "__main__":
    warnings.simplefilter("ignore", SyntaxWarning)
    if len(sys.argv) > 1:
        write(sys.argv[3], int(sys.argv[1]), int(sys.argv[2]), False)
    else:
        write(HERE / "templates.json", 20261201, 400, True)
