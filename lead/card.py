"""A base's card: the README that hubs show beside its file. Knows no network."""

import json

_CARD = """---
library_name: lead-invert
pipeline_tag: other
license: other
license_name: {license_name}
tags: [text-to-motion, human-motion, motion-capture, lead-invert]
---

# {name}

A base model of [LEAD](https://arxiv.org/abs/2410.14508): text to human motion, for the package `lead-invert`.

```
lead-invert generate "a person walks" --base hf://{repo}
```

```python
from lead import Lead

base = Lead.from_pretrained("{repo}")
base.generate("a person walks")[0].save("walk.bvh")
```

License of the weights: {license}
"""


def base_to_card(name: str, license: str, repo: str) -> str:
    """The README of a base in the repository `repo`, `<owner>/<name>`. Texts are one line of printable characters."""
    title, terms = (
        "".join(sign if sign.isprintable() and sign not in "<>`" else " " for sign in text)
        for text in (name, license or "not stated")
    )
    return _CARD.format(name=title, license=terms, license_name=json.dumps(terms), repo=repo)
