"""The published T2M evaluator (Guo et al., CVPR 2022), from the weights that its authors give out.

    caption tokens `word/TAG` -> GloVe + tag -> two-way GRU -> [batch, 512]
    features -> its own normalization -> convolutions, 4 frames a token -> two-way GRU -> [batch, 512]

The weights are not ours to ship: the user names three things by path. `text_mot_match/model/finest.tar` holds the
three encoders; `Comp_v6_*/meta` holds the `mean.npy` and `std.npy` that they were trained with (not the data set's);
the GloVe folder holds `our_vab_data.npy`, `our_vab_words.pkl` and `our_vab_idx.pkl`. Pickles are read so that nothing
in them can run. Sizes follow from the tensors (HumanML3D: 259 -> 512 -> 512, GRU 1024; KIT-ML the same from 247). A
caption's tokens are those in the data set's `texts/`. To `lead.eval.protocol` it offers what `Evaluator` offers.
Parameters have the published names.
"""

import pickle
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from lead.data.dataset import MAX_FRAMES
from lead.errors import LeadError
from lead.motion.features import Stats

SOURCE = "https://github.com/EricGuo5513/text-to-motion"
ENCODERS = ("movement_encoder", "motion_encoder", "text_encoder")
FRAMES_PER_TOKEN = 4
CONTACTS = 4
"""The last features; they are not read."""
MAX_WORDS = 20
"""Of a caption; the rest is cut, then `sos` and `eos` are put around it."""
TAGS = (
    "VERB", "NOUN", "DET", "ADP", "NUM", "AUX", "PRON", "ADJ", "ADV",
    "Loc_VIP", "Body_VIP", "Obj_VIP", "Act_VIP", "Desc_VIP", "OTHER",
)  # fmt: skip
OWN_TAGS = {
    "Loc_VIP": "left right clockwise counterclockwise anticlockwise forward back backward up down straight curve",
    "Body_VIP": "arm chin foot feet face hand mouth leg waist eye knee shoulder thigh",
    "Obj_VIP": "stair dumbbell chair window floor car ball handrail baseball basketball",
    "Act_VIP": "walk run swing pick bring kick put squat throw hop dance jump turn stumble stop sit lift lower raise "
    "wash stand kneel stroll rub bend balance flap jog shuffle lean rotate spin spread climb",
    "Desc_VIP": "slowly carefully fast careful slow quickly happy angry sad happily angrily sadly",
}
"""Words whose tag is a class of their own, whatever part of speech the texts file says."""
TAG_OF = {word: tag for tag, words in OWN_TAGS.items() for word in words.split()}

Tokens = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class T2MSizes:
    """As published for HumanML3D."""

    feats: int = 263
    d_conv: int = 512
    d_token: int = 512
    d_motion: int = 1024
    d_word: int = 300
    d_text: int = 512
    d: int = 512


@dataclass(frozen=True, eq=False)
class Glove:
    """Word vectors by word; `unk` stands for all other words."""

    vectors: Mapping[str, Float[np.ndarray, " d_word"]]

    @classmethod
    def read(cls, folder: str | Path) -> "Glove":
        """The three files of the evaluator's GloVe folder; LeadError where one is missing or not as expected."""
        folder = Path(folder)
        data, words, index = (folder / f"our_vab_{name}" for name in ("data.npy", "words.pkl", "idx.pkl"))
        for path in (data, words, index):
            _require_file(path, f"the T2M evaluator's word vectors: the `glove` folder of {SOURCE}")
        rows = np.load(data, allow_pickle=False)
        known, row_of = _read_plain_pickle(words), _read_plain_pickle(index)
        try:
            vectors = {word: rows[row_of[word]] for word in known}
        except (KeyError, IndexError, TypeError) as error:
            raise LeadError(
                f"{folder}: our_vab_words.pkl, our_vab_idx.pkl and our_vab_data.npy do not belong together "
                f"({error!r}); take all three from one copy of {SOURCE}"
            ) from None
        if "unk" not in vectors:
            raise LeadError(f"{words} has no word `unk`, which stands for unknown ones; take it from {SOURCE}")
        return cls(vectors)

    def encode(self, tokens: Sequence[str]) -> tuple[Float[np.ndarray, "words d_word"], Int[np.ndarray, " words"]]:
        """Vectors and tag numbers of a caption's tokens between `sos` and `eos`."""
        vectors, tags = [], []
        for token in ("sos/OTHER", *tokens[:MAX_WORDS], "eos/OTHER"):
            word, _, tag = token.rpartition("/")
            known = word in self.vectors
            tag = TAG_OF.get(word, tag if tag in TAGS else "OTHER") if known else "OTHER"
            vectors.append(self.vectors[word if known else "unk"])
            tags.append(TAGS.index(tag))
        return np.stack(vectors).astype(np.float32), np.array(tags)


class MovementEncoder(nn.Module):
    """Two strided convolutions: four frames a token."""

    def __init__(self, feats: int, d_conv: int, d_token: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv1d(feats - CONTACTS, d_conv, 4, stride=2, padding=1),
            nn.Dropout(0.2),
            nn.LeakyReLU(0.2),
            nn.Conv1d(d_conv, d_token, 4, stride=2, padding=1),
            nn.Dropout(0.2),
            nn.LeakyReLU(0.2),
        )
        self.out_net = nn.Linear(d_token, d_token)

    def forward(self, x: Float[Tensor, "batch frames feats"]) -> Float[Tensor, "batch tokens d_token"]:
        tokens: Tensor = self.out_net(self.main(x.transpose(1, 2)).transpose(1, 2))
        return tokens


class SequenceEncoder(nn.Module):
    """A two-way GRU from a learned state; both last states to one vector."""

    def __init__(self, d_in: int, d_hidden: int, d: int) -> None:
        super().__init__()
        self.input_emb = nn.Linear(d_in, d_hidden)
        self.gru = nn.GRU(d_hidden, d_hidden, batch_first=True, bidirectional=True)
        self.output_net = nn.Sequential(
            nn.Linear(2 * d_hidden, d_hidden), nn.LayerNorm(d_hidden), nn.LeakyReLU(0.2), nn.Linear(d_hidden, d)
        )
        self.hidden = nn.Parameter(torch.randn(2, 1, d_hidden))

    def forward(self, x: Float[Tensor, "batch n d_in"], lengths: Int[Tensor, " batch"]) -> Float[Tensor, "batch d"]:
        start = self.hidden.expand(-1, len(x), -1).contiguous()
        packed = pack_padded_sequence(self.input_emb(x), lengths.cpu(), batch_first=True, enforce_sorted=False)
        _, last = self.gru(packed, start)
        embedding: Tensor = self.output_net(torch.cat([last[0], last[1]], dim=-1))
        return embedding


class TextEncoder(SequenceEncoder):
    """The same over words: GloVe vectors plus an embedding of their tags."""

    def __init__(self, d_word: int, d_hidden: int, d: int) -> None:
        super().__init__(d_word, d_hidden, d)
        self.pos_emb = nn.Linear(len(TAGS), d_word)

    def encode(
        self, words: Float[Tensor, "batch n d_word"], tags: Int[Tensor, "batch n"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch d"]:
        one_hot = nn.functional.one_hot(tags, len(TAGS)).to(words.dtype)
        embedding: Tensor = self(words + self.pos_emb(one_hot), lengths)
        return embedding


class T2MEvaluator(nn.Module):
    """Embeds captions and motions in one space; give captions as the data set's texts files have them."""

    mean: Tensor
    std: Tensor

    def __init__(self, sizes: T2MSizes, stats: Stats, glove: Glove, tokens: Tokens) -> None:
        super().__init__()
        self.sizes, self.glove, self.tokens = sizes, glove, tokens
        self.movement_encoder = MovementEncoder(sizes.feats, sizes.d_conv, sizes.d_token)
        self.motion_encoder = SequenceEncoder(sizes.d_token, sizes.d_motion, sizes.d)
        self.text_encoder = TextEncoder(sizes.d_word, sizes.d_text, sizes.d)
        self.register_buffer("mean", torch.as_tensor(stats.mean, dtype=torch.float32))
        self.register_buffer("std", torch.as_tensor(stats.std, dtype=torch.float32))
        self.requires_grad_(False).eval()

    @property
    def feats(self) -> int:
        return self.sizes.feats

    @torch.no_grad()
    def embed_texts(self, captions: Sequence[str], batch: int = 128) -> Float[np.ndarray, "captions d"]:
        """Embeddings of captions; LeadError for one that has no tokens in the texts files."""
        encoded = [self.glove.encode(self._find_tokens(caption)) for caption in captions]
        parts = []
        for start in range(0, len(encoded), batch):
            part = encoded[start : start + batch]
            lengths = torch.tensor([len(tags) for _, tags in part])
            words = torch.zeros(len(part), int(lengths.max()), self.sizes.d_word)
            tags = torch.zeros(words.shape[:2], dtype=torch.long)
            for row, (vectors, numbers) in enumerate(part):
                words[row, : len(numbers)] = torch.from_numpy(vectors)
                tags[row, : len(numbers)] = torch.from_numpy(numbers)
            device = self.mean.device
            parts.append(self.text_encoder.encode(words.to(device), tags.to(device), lengths).cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros((0, self.sizes.d), np.float32)

    @torch.no_grad()
    def embed_motions(
        self, features: Sequence[Float[np.ndarray, "_ feats"]], batch: int = 64
    ) -> Float[np.ndarray, "clips d"]:
        """Embeddings of clips of features in their own units.

        Each is followed by zeros up to MAX_FRAMES, as in the published evaluation: the convolutions look past
        a clip's end.
        """
        parts = []
        for start in range(0, len(features), batch):
            part = features[start : start + batch]
            lengths = torch.tensor([min(len(clip), MAX_FRAMES) for clip in part])
            x = torch.zeros(len(part), MAX_FRAMES, self.sizes.feats, device=self.mean.device)
            for row, clip, length in zip(x, part, lengths.tolist(), strict=True):
                row[:length] = (torch.as_tensor(clip[:length]).to(x) - self.mean) / self.std
            tokens = self.movement_encoder(x[..., :-CONTACTS])
            parts.append(self.motion_encoder(tokens, lengths // FRAMES_PER_TOKEN).cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros((0, self.sizes.d), np.float32)

    def _find_tokens(self, caption: str) -> Sequence[str]:
        try:
            return self.tokens[caption]
        except KeyError:
            raise LeadError(
                f"no texts file has tokens for the caption {caption!r}; the T2M evaluator needs `word/TAG` tokens "
                "between the first and the second # of each line"
            ) from None

    @classmethod
    def load(
        cls,
        path: str | Path,
        glove: str | Path,
        tokens: Tokens,
        meta: str | Path | None = None,
        device: str | torch.device = "cpu",
    ) -> "T2MEvaluator":
        """From `finest.tar`, the GloVe folder and `read_tokens`; `meta` is looked for beside `text_mot_match`.

        Raises:
            LeadError: a file is missing, or is not the published evaluator's.
        """
        path = Path(path)
        states = _read_states(path)
        sizes = _read_sizes(path, states)
        stats = _read_stats(_find_meta(path) if meta is None else Path(meta), sizes.feats)
        evaluator = cls(sizes, stats, Glove.read(glove), tokens)
        for name, state in states.items():
            try:
                getattr(evaluator, name).load_state_dict(state)
            except RuntimeError as error:
                raise LeadError(f"{path}: {name} is not the published T2M evaluator's: {error}") from None
        return evaluator.to(device)


def read_tokens(data: str | Path, splits: Iterable[str]) -> dict[str, list[str]]:
    """The `word/TAG` tokens of each caption in a data set's splits: `caption#token token ...#from#to` lines."""
    data = Path(data)
    tokens: dict[str, list[str]] = {}
    for split in splits:
        _require_file(data / f"{split}.txt", "a data set's list of clips")
        for name in (data / f"{split}.txt").read_text().split():
            path = data / "texts" / f"{name}.txt"
            for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
                caption, _, rest = line.partition("#")
                tokens.setdefault(caption.strip(), rest.partition("#")[0].split())
    return tokens


def _read_states(path: Path) -> dict[str, dict[str, Tensor]]:
    what = f"the published T2M evaluator's text_mot_match/model/finest.tar (weights: the links in {SOURCE})"
    _require_file(path, what)
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise LeadError(f"{path} is not a PyTorch checkpoint of weights alone ({reason}); take {SOURCE}'s") from None
    missing = [name for name in ENCODERS if not isinstance(checkpoint, dict) or name not in checkpoint]
    if missing:
        raise LeadError(f"{path} has no {', '.join(missing)}: expected {SOURCE}'s text_mot_match/model/finest.tar")
    return {name: checkpoint[name] for name in ENCODERS}


def _read_sizes(path: Path, states: Mapping[str, Mapping[str, Tensor]]) -> T2MSizes:
    try:
        movement, motion, text = (states[name] for name in ENCODERS)
        return T2MSizes(
            feats=movement["main.0.weight"].shape[1] + CONTACTS,
            d_conv=movement["main.0.weight"].shape[0],
            d_token=movement["main.3.weight"].shape[0],
            d_motion=motion["input_emb.weight"].shape[0],
            d_word=text["pos_emb.weight"].shape[0],
            d_text=text["input_emb.weight"].shape[0],
            d=text["output_net.3.weight"].shape[0],
        )
    except (KeyError, AttributeError, IndexError) as error:
        raise LeadError(f"{path} is not the published T2M evaluator: it lacks {error}") from None


def _find_meta(path: Path) -> Path:
    """`Comp_v6_*/meta` beside `text_mot_match`, where the authors' archive has it."""
    root = path.resolve().parents[2]
    found = sorted(root.glob("Comp_v6_*/meta"))
    if len(found) != 1:
        raise LeadError(
            f"{root} has {len(found)} folders Comp_v6_*/meta, with the mean.npy and std.npy that the T2M evaluator was "
            f"trained with; they come with its weights ({SOURCE}): name the folder with --meta"
        )
    return found[0]


def _read_stats(meta: Path, feats: int) -> Stats:
    for name in ("mean.npy", "std.npy"):
        what = f"the T2M evaluator's own statistics: Comp_v6_*/meta of the weights that {SOURCE} links"
        _require_file(meta / name, what)
    mean, std = (np.load(meta / name, allow_pickle=False) for name in ("mean.npy", "std.npy"))
    if mean.shape != (feats,) or std.shape != (feats,):
        raise LeadError(
            f"{meta} has statistics of shapes {mean.shape} and {std.shape}; the evaluator reads {feats} "
            "numbers a frame: take both from one data set's archive"
        )
    return Stats(mean, std)


class _PlainUnpickler(pickle.Unpickler):
    """Reads dicts, lists, strings and numbers; whatever names a class or a function is refused."""

    def find_class(self, module: str, name: str) -> type:
        raise pickle.UnpicklingError(f"it names {module}.{name}")


def _read_plain_pickle(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            return _PlainUnpickler(file).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, ValueError, IndexError) as error:
        raise LeadError(
            f"{path} is not a pickle of plain words and numbers ({error}); it is not read, since a pickle can run "
            f"anything: take the file from {SOURCE}"
        ) from None


def _require_file(path: Path, what: str) -> None:
    if not path.is_file():
        raise LeadError(f"{path} is missing: expected {what}")
