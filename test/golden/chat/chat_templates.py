"""Chat templates in the forms of the model families, and one line for each construct."""

from __future__ import annotations

_ALTERNATE = (
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}"
)
_TURN = "(message['role'] == 'user') != (loop.index0 % 2 == 0)"

LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{% set system_message = messages[0]['content'] %}{% else %}"
    "{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
    "{% for message in loop_messages %}{% if " + _TURN + " %}" + _ALTERNATE + "{% endif %}"
    "{% if loop.index0 == 0 and system_message != false %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}"
    "{% if message['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}"
    "{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)
LLAMA3 = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}"
    "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
    "+ message['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}"
    "{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}{% if "
    + _TURN
    + " %}"
    + _ALTERNATE
    + "{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}"
    "{% endif %}{% endfor %}"
)
CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
PHI3 = (
    "{% for message in messages %}{% if message['role'] == 'system' %}"
    "{{'<|system|>\n' + message['content'] + '<|end|>\n'}}"
    "{% elif message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}"
    "{% elif message['role'] == 'assistant' %}"
    "{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)
ZEPHYR = """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>
'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}"""
OLMO = ZEPHYR.replace(" + eos_token }}\n{% elif message['role'] == 'system'", " }}\n{% elif false")
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if " + _TURN + " %}" + _ALTERNATE + "{% endif %}"
    "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}"
    "{% else %}{% set role = message['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"
)
GEMMA3 = (
    """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set first_user_prefix = messages[0]['content'] + '\n\n' -%}
    {%- else -%}
        {%- set first_user_prefix = messages[0]['content'][0]['text'] + '\n\n' -%}
    {%- endif -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}
    {%- set first_user_prefix = "" -%}
    {%- set loop_messages = messages -%}
{%- endif -%}
{%- for message in loop_messages -%}
    {%- if """
    + _TURN
    + """ -%}
        """
    + _ALTERNATE
    + """
    {%- endif -%}
    {%- if (message['role'] == 'assistant') -%}
        {%- set role = "model" -%}
    {%- else -%}
        {%- set role = message['role'] -%}
    {%- endif -%}
    {{ '<start_of_turn>' + role + '\n' + (first_user_prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}
                {{ '<start_of_image>' }}
            {%- elif item['type'] == 'text' -%}
                {{ item['text'] | trim }}
            {%- endif -%}
        {%- endfor -%}
    {%- else -%}
        {{ raise_exception("Invalid content type") }}
    {%- endif -%}
    {{ '<end_of_turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{'<start_of_turn>model\n'}}
{%- endif -%}
"""
)
STABLELM = (
    "{% for message in messages %}{% if (message['role'] == 'system') %}"
    "{{ '<|system|>\n' + message['content'] + '<|endoftext|>\n' }}"
    "{% elif (message['role'] == 'user') %}"
    "{{ '<|user|>\n' + message['content'] + '<|endoftext|>\n' }}"
    "{% elif (message['role'] == 'assistant') %}"
    "{{ '<|assistant|>\n' + message['content'] + '<|endoftext|>\n' }}{% endif %}"
    "{% if loop.last and add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}{% endfor %}"
)
FALCON = (
    "{% for message in messages %}{% if not loop.first %}{{ '\n' }}{% endif %}"
    "{% if message['role'] == 'system' %}{{ message['content'] }}"
    "{% elif message['role'] == 'user' %}{{ 'User: ' + message['content'] }}"
    "{% elif message['role'] == 'assistant' %}{{ 'Assistant: ' + message['content'] }}"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '\nAssistant:' }}{% endif %}"
)
GRANITE = (
    "{% for message in messages %}{% if message['role'] in ('system', 'user', 'assistant') %}"
    "{{ '<|start_of_role|>' + message['role'] + '<|end_of_role|>' + message['content'] "
    "+ '<|end_of_text|>\n' }}{% endif %}"
    "{% if loop.last and add_generation_prompt %}"
    "{{ '<|start_of_role|>assistant<|end_of_role|>' }}{% endif %}{% endfor %}"
)
STARCODER2 = (
    "{{ bos_token }}{{ 'You write code.\n\n' }}{% for message in messages %}"
    "{% if message['role'] == 'system' %}"
    "{{ raise_exception('System messages are not allowed in this template.') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '### Instruction\n' + message['content'] + '\n\n' }}"
    "{% else %}{{ '### Response\n' + message['content'] + eos_token + '\n\n' }}{% endif %}"
    "{% endfor %}{{ '### Response\n' }}"
)
COHERE = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set said = messages[1:] %}"
    "{{ '<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>' + messages[0]['content'] "
    "+ '<|END_OF_TURN_TOKEN|>' }}{% else %}{% set said = messages %}{% endif %}"
    "{% for message in said %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}"
    "{% endif %}{% set content = message['content'] %}{% if message['role'] == 'user' %}"
    "{{ '<|START_OF_TURN_TOKEN|><|USER_TOKEN|>' + content.strip() + '<|END_OF_TURN_TOKEN|>' }}"
    "{% elif message['role'] == 'assistant' %}"
    "{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' + content.strip() + '<|END_OF_TURN_TOKEN|>' }}"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{% endif %}"
)
# Of the families that there are models for conversations of, by model_type.
BY_MODEL_TYPE = {
    "cohere": COHERE,
    "falcon": FALCON,
    "gemma": GEMMA,
    "gemma2": GEMMA,
    "gemma3_text": GEMMA3,
    "granite": GRANITE,
    "mistral": MISTRAL,
    "olmo": OLMO,
    "olmo2": OLMO,
    "phi3": PHI3,
    "qwen2": CHATML,
    "qwen3": CHATML,
    "smollm3": CHATML,
    "stablelm": STABLELM,
    "starcoder2": STARCODER2,
}
FAMILIES = {
    "llama 2": LLAMA2,
    "llama 3": LLAMA3,
    "mistral": MISTRAL,
    "qwen 2, smollm 2": CHATML,
    "phi 3": PHI3,
    "zephyr": ZEPHYR,
    "olmo": OLMO,
    "gemma": GEMMA,
    "gemma 3": GEMMA3,
    "stablelm 2": STABLELM,
    "falcon": FALCON,
    "granite": GRANITE,
    "starcoder 2": STARCODER2,
    "command r": COHERE,
}
CONSTRUCTS = r"""
a {% if true %} b {% endif %} c
  {% if true %} b{% endif %}
 {{ 1 }} {%- if true -%} b {% endif -%}
{{ 'abc'[1:] }}{{ 'abc'[::-1] }}{{ [1,2,3][::-1] }}{{ [1,2,3][-2:] }}{{ messages[-1].role }}
{{ 'x' * 3 }}{{ 1 + 2 * 3 }}{{ 7 / 2 }}{{ 7 % 3 }}{{ -1 }}
{{ 'hello world'|title }}{{ 'HELLO'|capitalize }}{{ 'Hello'|upper|lower }}
{{ ' a '|trim }}|{{ 'xxaxx'.strip('x') }}|{{ ' a'.lstrip() }}|{{ 'a '.rstrip() }}
{{ 'a-b'.split('-')[1] }}{{ [1,2]|join(', ') }}
{{ {'a': 1, 'b': [1, 2, {'c': none}]}|tojson }}{{ 'é"\n<'|tojson }}
{{ {'a': 1, 'b': [1, 2]}|tojson(indent=2) }}
{{ messages }}{{ messages[0] }}{{ none }}{{ [true, 1.5] }}{{ unknown }}
{{ messages|selectattr('role', 'equalto', 'user')|list|length }}
{{ messages|map(attribute='content')|join('|') }}
{{ messages|rejectattr('role', 'equalto', 'user')|map(attribute='content')|list }}
{% for k, v in {'b': 1, 'a': 2}.items() %}{{ k }}={{ v }},{% endfor %}
{% for k, v in {'b': 1, 'a': 2}|dictsort %}{{ k }}={{ v }},{% endfor %}
{% for x in range(3) %}{{ loop.index }}{{ loop.last }}{{ loop.revindex0 }}{% endfor %}
{% for x in range(1, 9, 3) %}{{ x }}{% endfor %}{% for x in [] %}{% else %}none{% endfor %}
{% set ns = namespace(a=1) %}{% for i in [1, 2] %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}
{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{% endfor %}{{ x }}
{% macro m(a, b=2) %}[{{ a }},{{ b }}]{% endmacro %}{{ m(1) }}{{ m(1, b=3) }}
{{ 'a' in 'abc' }}{{ 1 in [1] }}{{ 'k' in {'k': 1} }}{{ 'z' not in 'abc' }}{{ 'a' in none_here }}
{{ x is defined }}{{ none is none }}{{ 'a' is string }}{{ 1 is number }}{{ {} is mapping }}
{{ [1] is sequence }}{{ 'a' is iterable }}{{ true is boolean }}{{ 3 is odd }}{{ 1.0 is float }}
{{ 'a' if x else 'b' }}{{ 'a' if true }}{{ x|default('d') }}{{ ''|default('d', true) }}
{{ 'abc'.startswith('a') }}{{ 'abc'.endswith('c') }}{{ 'aXbX'.replace('X', '-') }}
{{ [3, 1, 2]|sort }}{{ [1, 2]|first }}{{ [1, 2]|last }}{{ [2, 1]|max }}{{ 'ab'|length }}
{{ '3'|int + 1 }}{{ 3|string + 'a' }}{{ 'a' ~ 1 ~ true }}{{ 'a\nb'|indent(2) }}
{% if messages|length > 1 and not false or x %}y{% endif %}{{ 1 == 1.0 }}{{ 1 < 2 }}
{{ {'a': {'b': 1}}.a.b }}{{ {'a': 1}.get('z', 'd') }}{{ {'a': 1}.get('a') }}
{% set x %}block {{ 1 }}{% endset %}{{ x }}
{% filter upper %}abc{% endfilter %}{% set a, b = 1, 2 %}{{ b }}
{% for m in messages if m.role == 'user' %}{{ m.content }}{{ loop.length }}{% endfor %}
{% for i in [1, 2, 3] %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}
{% for i in [1, 2, 3] %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}
{# comment #}a{#- x -#} b {%- if true -%} c {%- endif -%} d
{{ messages[5] is defined }}{{ messages[0].other is defined }}{{ messages[0]['content'][:2] }}
{{ 'A' ~ 'B' if true else 'C' }}{{ strftime_now('%d %b %Y') }}{{ raise_exception('no ' ~ 1) }}
""".strip("\n").split("\n")
