// Matrices at one level of vector instructions.  Included once inside each level's namespace, after `vectors.h`.
//
// W [outputs, inputs] is stored in panels of PANEL outputs: first their biases, then for each input their weights.  A
// tile of up to ROWS rows of x is multiplied with one panel at a time: its sums stay in registers, and each weight is
// read once for all rows of the tile.  A sum always runs over the inputs in their order, at any tiles, level and
// threads.

constexpr int PANEL = 2 * LANES;
constexpr int AHEAD = 8192;  // how many numbers ahead weights are fetched into the core's own cache

inline int64_t cut(int64_t n, int64_t into) { return (n + into - 1) / into; }

static int64_t packed_size(int64_t inputs, int64_t outputs) { return cut(outputs, PANEL) * (inputs + 1) * PANEL; }

static void pack(const float *weight, const float *bias, int64_t inputs, int64_t outputs, float *to) {
    for (int64_t start = 0; start < outputs; start += PANEL)
        for (int64_t input = -1; input < inputs; ++input)
            for (int64_t output = start; output < start + PANEL; ++output) {
                const bool known = output < outputs && (input >= 0 || bias);
                *to++ = !known ? 0.0f : input < 0 ? bias[output] : weight[output * inputs + input];
            }
}

// The rows of a buffer.
struct Rows {
    float *at = nullptr;
    int64_t stride = 0;
    float *operator[](int64_t row) const { return at + row * stride; }
};

// The stride of rows of n numbers: an odd number of whole cache lines, since rows a power of two apart would share few
// places of the cache.
inline int64_t stride_of(int64_t n) { return (cut(n, 16) | 1) * 16; }

// A part of a sum: rows of x, and their weights.
struct Source {
    const float *x;
    int64_t stride;
    const float *weights;  // those of the first panel
    int64_t inputs, panel_stride;
    const float *end = nullptr, *next = nullptr;  // the end of this thread's weights, and those it reads then
};

// What is done with a sum, and where it is stored.
struct Target {
    Rows y;
    int64_t outputs;
    Rows plus{};  // is added to the sum
    void (*bend)(float *y, int64_t stride, int64_t rows, int64_t columns) = nullptr;  // is applied to it
};

template <Vec F(Vec)> static void bend(float *y, int64_t stride, int64_t rows, int64_t columns) {
    for (int64_t row = 0; row < rows; ++row, y += stride)
        for (int64_t at = 0; at < columns; at += LANES)
            store_part(y + at, F(load_part(y + at, columns - at, all(0.0f))), columns - at);
}

// The products of R rows, from `row` on, with one panel.  A tile that is alone fetches the weights AHEAD of it.  Several
// tiles share the work: tile number `turn` of `spread` fetches its part of the next panel, since the first tile alone
// would wait for the third-level cache.
template <int R, bool ALONE>
static void tile(
    const Source *sources, int count, const float *bias, int64_t panel, int64_t row, const Target &target,
    int64_t turn, int64_t spread) {
    Vec sums[R][2];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
        sums[r][0] = bias ? load(bias) : all(0.0f);
        sums[r][1] = bias ? load(bias + LANES) : all(0.0f);
    }
    for (const Source *source = sources; source < sources + count; ++source) {
        const int64_t stride = source->stride;
        const float *x = source->x + row * stride, *w = source->weights + panel * source->panel_stride;
        const float *ahead = w + (ALONE ? AHEAD : source->panel_stride + turn * (source->inputs / spread) * PANEL);
        if (w < source->end && ahead >= source->end) ahead = source->next + (ahead - source->end);
        for (int64_t input = 0; input < source->inputs;) {
            for (int line = 0; line < PANEL; line += 16) _mm_prefetch((const char *)(ahead + line), _MM_HINT_T1);
            if ((ahead += PANEL) == source->end) ahead = source->next;
            const int64_t stop = ALONE ? input + 1 : std::min(input + spread, source->inputs);
            for (; input < stop; ++input, w += PANEL) {
                const Vec left = load(w), right = load(w + LANES);
#pragma GCC unroll 16
                for (int r = 0; r < R; ++r) {
                    const Vec value = all(x[r * stride + input]);
                    sums[r][0] = fma(value, left, sums[r][0]);
                    sums[r][1] = fma(value, right, sums[r][1]);
                }
            }
        }
    }
    const int64_t start = panel * PANEL, columns = target.outputs - start < PANEL ? target.outputs - start : PANEL;
    const int64_t right = columns - LANES;  // columns of the second half, which may have none
    float *y = target.y[row] + start;
    if (target.plus.at) {
        const float *plus = target.plus[row] + start;
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r, plus += target.plus.stride) {
            sums[r][0] = sums[r][0] + load_part(plus, columns, all(0.0f));
            if (right > 0) sums[r][1] = sums[r][1] + load_part(plus + LANES, right, all(0.0f));
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r, y += target.y.stride) {
        store_part(y, sums[r][0], columns);
        if (right > 0) store_part(y + LANES, sums[r][1], right);
    }
    if (target.bend) target.bend(target.y[row] + start, target.y.stride, R, columns);
}

using Tile = void (*)(const Source *, int, const float *, int64_t, int64_t, const Target &, int64_t, int64_t);

template <bool ALONE, int... R> static Tile tile_of(int64_t rows, std::integer_sequence<int, R...>) {
    static const Tile tiles[] = {tile<R + 1, ALONE>...};
    return tiles[rows - 1];
}

// The products of all rows with one panel, in tiles of about the same height.
static void column(
    const Source *sources, int count, const float *bias, int64_t panel, int64_t rows, const Target &target) {
    const int64_t tiles = cut(rows, ROWS);
    for (int64_t index = 0; index < tiles; ++index) {
        const int64_t row = index * rows / tiles, height = (index + 1) * rows / tiles - row;
        const auto heights = std::make_integer_sequence<int, ROWS>();
        const Tile work = tiles == 1 ? tile_of<true>(height, heights) : tile_of<false>(height, heights);
        work(sources, count, bias, panel, row, target, index, tiles);
    }
}
