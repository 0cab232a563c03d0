//! Hostile templates: a name for each, and its source.

/// What goes ever deeper.
pub(super) const STACK: &[(&str, &str)] = &[
    ("a namespace in itself", "{% set a = namespace() %}{% set a.a = a %}{{ a }}"),
    (
        "a namespace in itself by its constructor",
        "{% set a = namespace() %}{% set b = namespace(a=a) %}{% set a.b = b %}{{ a == b }}",
    ),
    ("a namespace in a list in itself", "{% set a = namespace() %}{% set a.a = [a] %}{{ a.a }}"),
    ("a namespace in a dict in itself", "{% set a = namespace() %}{% set a.a = {'a': a} %}{{ a.a|tojson }}"),
    ("a namespace in a tuple", "{% set a = namespace() %}{% set a.a = (a, a) %}{{ a.a }}"),
    ("a loop in a namespace", "{% set a = namespace() %}{% for x in [1] %}{% set a.l = loop %}{% endfor %}{{ a.l }}"),
    (
        "a macro in a namespace",
        "{% set a = namespace() %}{% macro m() %}{{ a.m() }}{% endmacro %}{% set a.m = m %}{{ m() }}",
    ),
    ("a generator given to a namespace", "{% set a = namespace(g=[1]|map('string')) %}{{ a.g|list }}"),
    ("a method of a namespace in it", "{% set a = namespace(x=[]) %}{% set a.f = a.x.index %}{{ a.f(1) }}"),
    ("a macro that calls itself", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
    (
        "two macros that call each other",
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
    ),
    ("a macro that calls itself as its argument", "{% macro m(f) %}{{ f(f) }}{% endmacro %}{{ m(m) }}"),
    ("a macro that calls itself in a default", "{% macro m(a=m()) %}{% endmacro %}{{ m() }}"),
    (
        "a call block that calls itself",
        "{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}",
    ),
    (
        "a macro through a filter block",
        "{% macro m() %}{% filter upper %}{% if 1 %}{% for i in [1] %}{{ m() }}{% endfor %}{% endif %}{% endfilter %}{% endmacro %}{{ m() }}",
    ),
    (
        "a deep value",
        "{% set n = namespace(v=[]) %}{% for i in range(100000) %}{% set n.v = [n.v] %}{% endfor %}{{ n.v }}",
    ),
    (
        "a deep dict",
        "{% set n = namespace(v={}) %}{% for i in range(5000) %}{% set n.v = {'a': n.v} %}{% endfor %}{{ n.v|tojson }}",
    ),
    (
        "a deep tuple",
        "{% set n = namespace(v=()) %}{% for i in range(5000) %}{% set n.v = (n.v, 1) %}{% endfor %}{{ n.v == n.v }}",
    ),
    (
        "a deep value by batch",
        "{% set n = namespace(v=[1]) %}{% for i in range(5000) %}{% set n.v = n.v|batch(1)|list %}{% endfor %}{{ n.v }}",
    ),
    (
        "a deep value by dict()",
        "{% set n = namespace(v=1) %}{% for i in range(5000) %}{% set n.v = dict(a=n.v) %}{% endfor %}",
    ),
    (
        "a deep value by varargs",
        "{% set n = namespace(v=1) %}{% macro m() %}{% set n.v = varargs %}{% endmacro %}{% for i in range(5000) %}{{ m(n.v) }}{% endfor %}",
    ),
    ("a recursive loop", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"),
    ("a loop that is called", "{% for x in [1] %}{{ loop([1]) }}{% endfor %}"),
    ("a template in a template", "{% include 'chat_template' %}"),
    ("a template above a template", "{% extends 'chat_template' %}"),
    ("macros of a template", "{% import 'chat_template' as c %}"),
    ("a block that calls itself", "{% block b %}{{ self.b() }}{% endblock %}"),
];

/// What grows.
pub(super) const MEMORY: &[(&str, &str)] = &[
    (
        "doubling by +",
        "{% set n = namespace(x='aaaaaaaaaaaaaaaa') %}{% for i in range(30) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x|length }}",
    ),
    ("doubling by ~", "{% set n = namespace(x='aaaa') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}"),
    (
        "doubling by %",
        "{% set n = namespace(x='aaaa') %}{% for i in range(99) %}{% set n.x = '%s%s' % (n.x, n.x) %}{% endfor %}",
    ),
    (
        "doubling by format",
        "{% set n = namespace(x='aaaa') %}{% for i in range(99) %}{% set n.x = '{0}{0}'.format(n.x) %}{% endfor %}",
    ),
    (
        "doubling by the filter format",
        "{% set n = namespace(x='aaaa') %}{% for i in range(99) %}{% set n.x = '%s%s'|format(n.x, n.x) %}{% endfor %}",
    ),
    (
        "doubling by join",
        "{% set n = namespace(x='aaaa') %}{% for i in range(99) %}{% set n.x = [n.x, n.x]|join %}{% endfor %}",
    ),
    (
        "joining a text with itself",
        "{% set n = namespace(x='aaaa') %}{% for i in range(99) %}{% set n.x = n.x.join(n.x) %}{% endfor %}",
    ),
    (
        "replacing nothing",
        "{% set n = namespace(x='aaaa') %}{% for i in range(99) %}{% set n.x = n.x|replace('', n.x) %}{% endfor %}",
    ),
    (
        "replacing letters",
        "{% set n = namespace(x='aaaa') %}{% for i in range(99) %}{% set n.x = n.x.replace('a', n.x) %}{% endfor %}",
    ),
    (
        "doubling by a set block",
        "{% set n = namespace(x='aaaa') %}{% for i in range(99) %}{% set x %}{{ n.x }}{{ n.x }}{% endset %}{% set n.x = x %}{% endfor %}",
    ),
    (
        "doubling by a macro",
        "{% macro m(x) %}{{ x }}{{ x }}{% endmacro %}{% set n = namespace(x='aaaa') %}{% for i in range(99) %}{% set n.x = m(n.x) %}{% endfor %}",
    ),
    (
        "doubling by quotes",
        "{% set n = namespace(x='\\\\') %}{% for i in range(99) %}{% set n.x = [n.x]|string %}{% endfor %}",
    ),
    (
        "doubling by JSON",
        "{% set n = namespace(x='\\\\') %}{% for i in range(99) %}{% set n.x = n.x|tojson %}{% endfor %}",
    ),
    (
        "growing by escape",
        "{% set n = namespace(x='<<<<') %}{% for i in range(99) %}{% set n.x = (n.x|e ~ '')|replace('&', '<<') %}{% endfor %}",
    ),
    (
        "growing by indent",
        "{% set n = namespace(x='a\na\n') %}{% for i in range(99) %}{% set n.x = n.x|indent(10000, true) ~ n.x %}{% endfor %}",
    ),
    (
        "a list doubled by +",
        "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
    ),
    (
        "a list doubled by *",
        "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = n.x * 2 %}{% endfor %}",
    ),
    ("a tuple doubled", "{% set n = namespace(x=(1,)) %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}"),
    ("a list doubled by batch", "{{ [1]|batch(1000000000000, 'x')|list|length }}"),
    ("a list sliced into many", "{{ [1]|slice(1000000000000, 'x')|list|length }}"),
    (
        "a list summed",
        "{% set n = namespace(x=[[1]]) %}{% for i in range(99) %}{% set n.x = [(n.x + n.x)|sum(start=[])] * 2 %}{% endfor %}",
    ),
    (
        "a value that shares its parts, printed",
        "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
    ),
    (
        "a value that shares its parts, as JSON",
        "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x|tojson }}",
    ),
    (
        "a value that shares its parts, as key",
        "{% set n = namespace(x=(1,)) %}{% for i in range(60) %}{% set n.x = (n.x, n.x) %}{% endfor %}{{ {n.x: 1} }}",
    ),
    ("a text repeated", "{{ 'a' * 1000000000 }}"),
    ("a text repeated as often as a number can say", "{{ 'ab' * 9223372036854775807 }}"),
    ("a list repeated", "{{ ([1] * 1000000000)|length }}"),
    ("a large range", "{{ range(1000000000)|list }}"),
    ("a width in format", "{{ '{:>1000000000}'.format('a') }}"),
    ("a width beyond numbers in format", "{{ '{:>99999999999999999999999}'.format('a') }}"),
    ("a width in %", "{{ '%1000000000d' % 1 }}"),
    ("a width from a value in %", "{{ '%*d' % (1000000000, 1) }}"),
    ("a precision in %", "{{ '%.1000000000f' % 1.5 }}"),
    ("a precision in format", "{{ '{:.999999999f}'.format(1.5) }}"),
    ("a width in center", "{{ 'a'|center(9223372036854775807) }}"),
    ("a width in rjust", "{{ 'a'.rjust(1000000000) }}"),
    ("a width in zfill", "{{ '1'.zfill(1000000000) }}"),
    ("a width in expandtabs", "{{ '\t'.expandtabs(9223372036854775807) }}"),
    ("a width in indent", "{{ 'a\nb'|indent(9223372036854775807) }}"),
    ("an indent in JSON", "{{ [[[1]]]|tojson(indent=9223372036854775807) }}"),
    ("an indent in JSON that memory could hold", "{{ range(99)|list|tojson(indent=3000000) }}"),
    ("a power", "{{ 9 ** 9 ** 9 ** 9 }}"),
    ("a round", "{{ 1.5|round(9223372036854775807) }}"),
    (
        "much output",
        "{% for i in range(100000) %}{% for j in range(100) %}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{% endfor %}{% endfor %}",
    ),
    ("long output", "{% set x = 'a' * 8000000 %}{{ x }}{{ x }}{{ x }}{{ x }}{{ x }}"),
    ("a long message", "{% set x = 'a' * 40000000 %}{{ raise_exception(x ~ x) }}"),
    ("splitting", "{% set x = 'a ' * 8000000 %}{{ x.split()|length }}{{ x.split()|length }}"),
    ("letters", "{{ ('a' * 9000000)|list|length }}"),
    (
        "many namespaces",
        "{% for i in range(100000) %}{% set a = namespace(x=1, y=2, z=3) %}{% for j in range(1000) %}{% set b = namespace(x=1) %}{% endfor %}{% endfor %}",
    ),
];

/// What goes on.
pub(super) const TIME: &[(&str, &str)] = &[
    ("nested ranges", "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}ok"),
    (
        "nested loops",
        "{% set r = range(1000)|list %}{% for a in r %}{% for b in r %}{% for c in r %}{% endfor %}{% endfor %}{% endfor %}",
    ),
    (
        "a loop with a condition",
        "{% for a in range(100000) %}{% for b in range(100000) if b < 0 %}{% endfor %}{% endfor %}",
    ),
    (
        "exponential macros",
        "{% macro a(n) %}{% if n %}{{ a(n - 1) }}{{ a(n - 1) }}{% endif %}{% endmacro %}{{ a(30) }}",
    ),
    (
        "a list copied often",
        "{% set n = namespace(x=[]) %}{% for i in range(100000) %}{% set n.x = n.x + [i] %}{% endfor %}",
    ),
    (
        "a text copied often",
        "{% set n = namespace(x='') %}{% for i in range(100000) %}{% set n.x = n.x ~ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' %}{% endfor %}",
    ),
    (
        "a list reversed often",
        "{% set x = range(100000)|list %}{% for i in range(100000) %}{% set x = x[::-1] %}{% endfor %}",
    ),
    (
        "a list sorted often",
        "{% set x = range(100000)|list %}{% for i in range(100000) %}{% set y = x|sort(reverse=true) %}{% endfor %}",
    ),
    (
        "a list searched often",
        "{% set x = range(100000)|list %}{% for i in x %}{% if -1 in x %}{% endif %}{% endfor %}",
    ),
    ("a range searched often", "{% set x = range(100000) %}{% for i in x %}{% if -1 in x %}{% endif %}{% endfor %}"),
    (
        "lists compared often",
        "{% set x = range(100000)|list %}{% set y = x + [] %}{% for i in x %}{% if x == y %}{% endif %}{% endfor %}",
    ),
    (
        "a value that shares its parts, compared",
        "{% set n = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% set n.y = [n.y, n.y] %}{% endfor %}{{ n.x == n.y }}",
    ),
    (
        "a value that shares its parts, ordered",
        "{% set n = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% set n.y = [n.y, n.y] %}{% endfor %}{{ n.x < n.y }}",
    ),
    (
        "a text searched often",
        "{% set x = 'a' * 1000000 %}{% for i in range(100000) %}{% if 'b' in x %}{% endif %}{% endfor %}",
    ),
    (
        "a text indexed often",
        "{% set x = 'é' * 100000 %}{% for i in range(100000) %}{% if x[i] == 'b' %}{% endif %}{% endfor %}",
    ),
    (
        "a text measured often",
        "{% set x = 'a' * 1000000 %}{% for i in range(100000) %}{% if x|length == 1 %}{% endif %}{% endfor %}",
    ),
    (
        "a text stripped often",
        "{% set x = ' ' * 1000000 %}{% for i in range(100000) %}{% set y = x.strip() %}{% endfor %}",
    ),
    (
        "texts counted often",
        "{% set x = 'a' * 1000000 %}{% for i in range(100000) %}{% set y = x.count('aa') %}{% endfor %}",
    ),
    (
        "map of map",
        "{% set x = range(1000)|list %}{{ range(1000)|map('default')|map('string')|list * 1 ~ x|map('batch')|list }}",
    ),
    (
        "loop.length asked often",
        "{% for x in range(100000) if loop is not defined %}{% for y in range(100000) if y >= 0 %}{{ loop.length }}{% endfor %}{% endfor %}",
    ),
    (
        "many arguments",
        "{% set d = dict(range(9000)|map('string')|map('batch', 1)|map('list')|map('join')|map('center', 2)|batch(2)) %}{% macro m() %}{{ kwargs|length }}{% endmacro %}{% for i in range(100000) %}{{ m(**d) }}{% endfor %}",
    ),
    (
        "many times one date",
        "{% for i in range(100000) %}{% for j in range(100) %}{% set d = strftime_now('%c%c%c%c') %}{% endfor %}{% endfor %}",
    ),
    ("a joiner", "{% set j = joiner('a' * 1000000) %}{% for i in range(100000) %}{{ j() }}{% endfor %}"),
    (
        "arguments spread often",
        "{% set x = range(100000)|list %}{% macro m() %}{{ varargs|length }}{% endmacro %}{% for i in x %}{{ m(*x) }}{% endfor %}",
    ),
    (
        "arguments spread into a method",
        "{% set x = range(100000)|list %}{% for i in x %}{% set y = ''.format(*x) %}{% endfor %}",
    ),
    (
        "many prefixes",
        "{% set x = ('b',) * 100000 %}{% for i in range(100000) %}{% set y = 'a'.startswith(x) %}{% endfor %}",
    ),
    (
        "a long path",
        "{% set x = 'a.' * 500000 %}{% for i in range(100000) %}{% set y = []|sort(attribute=x) %}{% endfor %}",
    ),
    (
        "case asked often",
        "{% set x = 'a' * 1000000 %}{% for i in range(100000) %}{% if x is upper %}{% endif %}{% endfor %}",
    ),
    (
        "many fields with names",
        "{% set d = dict(range(1000)|map('string')|map('center', 9)|map('batch', 9)|map('first')|batch(2)) %}{% for i in range(100000) %}{% set y = '{z}'.format(z=1, **d) %}{% endfor %}",
    ),
];
