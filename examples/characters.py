"""A character-level language model with attention, on a text that this file makes: sums written out.

Each line is a sum such as `12+7=19;`. To go on after `=` the model has to look back at both numbers, which is what
attention is for. It is trained on some of the pairs of numbers, and tested on pairs that it has never seen.
"""

import numpy as np

from autograd_lite import Tensor, nn, no_grad, optim, train

ALPHABET = "0123456789+=;"
LARGEST = 19
LENGTH = len("19+19=38;")


def sums() -> list[str]:
    """All sums of two numbers up to LARGEST, both with two digits: the answer's digits then have fixed places."""
    return [f"{a:02}+{b:02}={a + b:02};" for a in range(LARGEST + 1) for b in range(LARGEST + 1)]


def encoded(lines: list[str]) -> np.ndarray:
    """Each character as its number in the alphabet, one line per row."""
    return np.array([[ALPHABET.index(character) for character in line] for line in lines])


class LanguageModel(nn.Module):
    """Embeddings of characters and positions, causal transformer blocks, and logits of the next character."""

    def __init__(self, width: int = 32, blocks: int = 2, heads: int = 4, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.characters = nn.Embedding(len(ALPHABET), width, scale=0.1, seed=rng, dtype=np.float32)
        self.positions = Tensor(0.1 * rng.standard_normal((LENGTH, width)), requires_grad=True, dtype=np.float32)
        self.blocks = [
            nn.TransformerBlock(width, heads, causal=True, seed=rng, dtype=np.float32) for _ in range(blocks)
        ]
        self.norm = nn.LayerNorm(width, dtype=np.float32)
        self.output = nn.Dense(width, len(ALPHABET), seed=rng, dtype=np.float32)

    def forward(self, x: np.ndarray) -> Tensor:
        """Logits (lines, positions, characters) for x (lines, positions)."""
        hidden = self.characters(x) + self.positions[: x.shape[1]]
        for block in self.blocks:
            hidden = block(hidden)
        return self.output(self.norm(hidden))


def loss(logits: Tensor, following: np.ndarray) -> Tensor:
    """The cross-entropy of the characters that can be foretold: those of the answer."""
    return nn.cross_entropy(np.moveaxis(logits[:, 5:], 2, 1), following[:, 5:])


def complete(model: LanguageModel, prompt: str) -> str:
    """Go on after the prompt, each time with the most probable character, until `;` or the length is reached."""
    text = prompt
    with no_grad():
        while len(text) < LENGTH and not text.endswith(";"):
            logits = model(encoded([text])).numpy()[0, -1]
            text += ALPHABET[int(np.argmax(logits))]
    return text


def main(epochs: int = 120) -> dict[str, object]:
    """Train on three quarters of the sums, and let the model write the others."""
    lines = sums()
    order = np.random.default_rng(0).permutation(len(lines))
    unseen = [lines[i] for i in order[: len(lines) // 4]]
    text = encoded([lines[i] for i in order[len(lines) // 4 :]])
    model = LanguageModel()
    optimizer = optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1)
    history = train.fit(
        model,
        (text[:, :-1], text[:, 1:]),
        loss,
        optimizer,
        epochs,
        batch_size=64,
        seed=0,
        schedule=optim.LinearWarmup(optimizer, 5, lambda epoch: 0.5 * (1 + np.cos(np.pi * epoch / (epochs - 5)))),
        max_norm=1.0,
    )
    written = [complete(model, line[:6]) for line in unseen]
    share = float(np.mean([line == right for line, right in zip(written, unseen, strict=True)]))
    print("what it writes:", " ".join(written[:8]))
    print(f"loss {history['loss'][0]:.3f} -> {history['loss'][-1]:.4f}; {share:.0%} of {len(unseen)} unseen sums right")
    history.plot("characters.svg")
    return {"history": history, "right": share, "written": written}


if __name__ == "__main__":
    main()
