// A transformer stack in 16 bits and its gradients, on processors with AVX512-BF16.  Included inside its own namespace,
// after the level AVX-512, whose vectors and norms it uses.
//
// Matrices and what they are multiplied with are bfloat16; sums, norms, attention and everything that is added are
// float32.  The weights are frozen: gradients are those of the input and of the low-rank additions.  Layers are pre-norm
// with exact GELU; there is no norm at the end.

using Half = uint16_t;

// The stride of rows of n halves: as `stride_of`.
inline int64_t half_stride_of(int64_t n) { return (cut(n, 32) | 1) * 32; }

struct HalfRows {
    Half *at = nullptr;
    int64_t stride = 0;
    Half *operator[](int64_t row) const { return at + row * stride; }
};

// Rounds n numbers; halves after them are 0 up to a whole vector.
static void round_row(const float *x, Half *y, int64_t n) {
    for (int64_t at = 0; at < cut(n, 32) * 32; at += LANES) {
        const Vec part = at < n ? load_part(x + at, n - at, all(0.0f)) : all(0.0f);
        _mm256_storeu_si256((__m256i *)(y + at), (__m256i)_mm512_cvtneps_pbh(part));
    }
}

inline Vec widen(const Half *p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}

inline __m512bh load_halves(const Half *p) { return (__m512bh)_mm512_loadu_si512(p); }

static float dot(const Half *a, const Half *b, int64_t n) {
    Vec products = all(0.0f);
    for (int64_t at = 0; at < n; at += 32) products = _mm512_dpbf16_ps(products, load_halves(a + at), load_halves(b + at));
    return sum(products);
}

static float dot(const float *a, const float *b, int64_t n) {
    Vec products = all(0.0f);
    for (int64_t at = 0; at < n; at += LANES)
        products = fma(load_part(a + at, n - at, all(0.0f)), load_part(b + at, n - at, all(0.0f)), products);
    return sum(products);
}

// y += factor x
static void add(float factor, const float *x, float *y, int64_t n) {
    for (int64_t at = 0; at < n; at += LANES)
        store_part(y + at, fma(all(factor), load_part(x + at, n - at, all(0.0f)), load_part(y + at, n - at, all(0.0f))), n - at);
}

// y = bias + low spread + W x + plus: W in panels of 32 outputs, in each of which two inputs' weights lie side by side.
struct Product {
    HalfRows x;
    int64_t inputs, outputs;
    const Half *panels;
    const float *bias;
    Rows y;
    Rows plus{};
    Rows low{};             // [rows, rank]
    int64_t rank = 0;
    const float *spread = nullptr;  // [rank, outputs]
};

template <int R> static void half_tile(const Product &product, int64_t panel, int64_t row) {
    const int64_t start = panel * PANEL, columns = std::min<int64_t>(product.outputs - start, PANEL);
    const int64_t right = columns - LANES, pairs = cut(product.inputs, 2), stride = product.x.stride;
    const Vec zero = all(0.0f);
    Vec sums[R][2];
    const Vec bias_left = product.bias ? load_part(product.bias + start, columns, zero) : zero;
    const Vec bias_right = product.bias && right > 0 ? load_part(product.bias + start + LANES, right, zero) : zero;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) sums[r][0] = bias_left, sums[r][1] = bias_right;
    for (int64_t rank = 0; rank < product.rank; ++rank) {
        const float *spread = product.spread + rank * product.outputs + start;
        const Vec left = load_part(spread, columns, zero);
        const Vec other = right > 0 ? load_part(spread + LANES, right, zero) : zero;
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            const Vec low = all(product.low[row + r][rank]);
            sums[r][0] = fma(low, left, sums[r][0]);
            sums[r][1] = fma(low, other, sums[r][1]);
        }
    }
    const Half *x = product.x[row], *w = product.panels + panel * pairs * 2 * PANEL;
    for (int64_t pair = 0; pair < pairs; ++pair, w += 2 * PANEL) {
        _mm_prefetch((const char *)(w + AHEAD), _MM_HINT_T1);
        _mm_prefetch((const char *)(w + AHEAD + PANEL), _MM_HINT_T1);
        const __m512bh left = load_halves(w), other = load_halves(w + PANEL);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            int32_t both;
            std::memcpy(&both, x + r * stride + 2 * pair, sizeof both);
            const __m512bh value = (__m512bh)_mm512_set1_epi32(both);
            sums[r][0] = _mm512_dpbf16_ps(sums[r][0], value, left);
            sums[r][1] = _mm512_dpbf16_ps(sums[r][1], value, other);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
        if (product.plus.at) {
            const float *plus = product.plus[row + r] + start;
            sums[r][0] = sums[r][0] + load_part(plus, columns, zero);
            if (right > 0) sums[r][1] = sums[r][1] + load_part(plus + LANES, right, zero);
        }
        float *y = product.y[row + r] + start;
        store_part(y, sums[r][0], columns);
        if (right > 0) store_part(y + LANES, sums[r][1], right);
    }
}

using HalfTile = void (*)(const Product &, int64_t, int64_t);

template <int... R> static HalfTile half_tile_of(int64_t rows, std::integer_sequence<int, R...>) {
    static const HalfTile tiles[] = {half_tile<R + 1>...};
    return tiles[rows - 1];
}

static void multiply(const Product &product, int64_t rows) {
    const int64_t tiles = cut(rows, ROWS);
    for (int64_t panel = 0; panel < cut(product.outputs, PANEL); ++panel)
        for (int64_t index = 0; index < tiles; ++index) {
            const int64_t row = index * rows / tiles, height = (index + 1) * rows / tiles - row;
            half_tile_of(height, std::make_integer_sequence<int, ROWS>())(product, panel, row);
        }
}

// gradient [rank, n] += sum over rows of low [rows, rank] and x [rows, n]
static void add_outer(Rows low, int64_t rank, HalfRows x, int64_t n, int64_t rows, float *gradient) {
    constexpr int MOST = 8;
    for (int64_t first = 0; first < rank; first += MOST) {
        const int count = (int)std::min<int64_t>(rank - first, MOST);
        for (int64_t at = 0; at < n; at += LANES) {
            Vec sums[MOST];
            for (int r = 0; r < MOST; ++r) sums[r] = all(0.0f);
            for (int64_t row = 0; row < rows; ++row) {
                const Vec part = widen(x[row] + at);
                for (int r = 0; r < count; ++r) sums[r] = fma(all(low[row][first + r]), part, sums[r]);
            }
            for (int r = 0; r < count; ++r) {
                float *to = gradient + (first + r) * n + at;
                store_part(to, load_part(to, n - at, all(0.0f)) + sums[r], n - at);
            }
        }
    }
}

// phi and Phi of the normal distribution: d/dx (x Phi(x)) = Phi(x) + x phi(x)
inline Vec gelu_slope(Vec x) {
    const Vec density = exponential(x * x * all(-0.5f)) * all(0.398942280f);
    return fma(x, density, normal(x));
}

// dx += the gradient of norm(x) where that of its output is dy
static void add_norm_gradient(const Norm &norm, const float *x, const float *dy, float *dx, int64_t width) {
    Vec total = all(0.0f), squares = all(0.0f);
    for (int64_t at = 0; at < width; at += LANES) total = total + load_part(x + at, width - at, all(0.0f));
    const Vec mean = all(sum(total) / (float)width);
    for (int64_t at = 0; at < width; at += LANES) {
        const Vec off = load_part(x + at, width - at, mean) - mean;
        squares = fma(off, off, squares);
    }
    const Vec scale = all(1 / std::sqrt(sum(squares) / (float)width + norm.eps));
    Vec slopes = all(0.0f), along = all(0.0f);
    for (int64_t at = 0; at < width; at += LANES) {
        const int64_t left = width - at;
        const Vec slope = load_part(dy + at, left, all(0.0f)) * load_part(norm.gain + at, left, all(0.0f));
        slopes = slopes + slope;
        along = fma(slope, (load_part(x + at, left, mean) - mean) * scale, along);
    }
    const Vec level = all(sum(slopes) / (float)width), lean = all(sum(along) / (float)width);
    for (int64_t at = 0; at < width; at += LANES) {
        const int64_t left = width - at;
        const Vec slope = load_part(dy + at, left, all(0.0f)) * load_part(norm.gain + at, left, all(0.0f));
        const Vec unit = (load_part(x + at, left, mean) - mean) * scale;
        const Vec change = (slope - level - unit * lean) * scale;
        store_part(dx + at, load_part(dx + at, left, all(0.0f)) + change, left);
    }
}

// What a layer keeps for its gradients: the inputs of its matrices and norms.
struct Kept {
    HalfRows joined, asking, mixed, before, bent;
    Rows x, qkv, shares, middle, wide;
    Rows low[5];            // of join, qkv, out, first, second
};

constexpr int JOIN = 0, QKV = 1, OUT = 2, FIRST = 3, SECOND = 4;

inline const HalfMatrix &matrix_of(const HalfLayer &layer, int index) {
    const HalfMatrix *const all_of[] = {&layer.join, &layer.qkv, &layer.out, &layer.first, &layer.second};
    return *all_of[index];
}

// Samples that go through the stack together.
inline int64_t samples_together(int64_t tokens) { return std::max<int64_t>(1, 96 / tokens); }

// The tokens of some samples that are not masked: nothing is computed for the others.
struct RealTokens {
    RealTokens(const HalfCall &call, int64_t first, int64_t samples) : starts(1, 0) {
        for (int64_t place = first * call.tokens; place < (first + samples) * call.tokens; ++place) {
            if (!call.mask || call.mask[place]) places.push_back(place);
            if ((place + 1) % call.tokens == 0) starts.push_back((int64_t)places.size());
        }
    }
    std::vector<int64_t> places;  // of each row, among all tokens of the batch
    std::vector<int64_t> starts;  // the first row of each sample, and the end
};

// One thread's work on some samples of a batch.
class HalfPass {
public:
    HalfPass(const HalfStack &stack, const HalfCall &call, int64_t first, int64_t samples, float *memory)
        : stack(stack), call(call), samples(samples), tokens(call.tokens), real(call, first, samples),
          rows((int64_t)real.places.size()), memory(memory), widest(std::max(3 * stack.width, stack.hidden)),
          own(rows * (stride_of(stack.width) * (2 + stack.joins) + stride_of(widest) + half_stride_of(widest) / 2)
              + rows * stride_of(most_ranks(stack)) + stack.width + tokens + 32 * half_stride_of(widest) + 256) {
        gradient = take(stack.width), part = take(stack.width), wide = take(widest);
        for (int64_t index = 0; index < stack.joins; ++index) skipped_at.push_back(take(stack.width));
        rounded = {(Half *)own.take(rows * half_stride_of(widest) / 2), half_stride_of(widest)};
        low = take(most_ranks(stack));
        line = own.take(std::max(stack.width, tokens));
        halves = (Half *)own.take(32 * half_stride_of(widest));
    }

    // The numbers that a layer keeps of so many rows, and that the input of a layer takes.
    static int64_t kept_of(const HalfStack &stack, int64_t rows, int64_t tokens, int64_t ranks) {
        const int64_t w = stack.width, halves = half_stride_of(2 * w) + 3 * half_stride_of(w) + half_stride_of(stack.hidden);
        return rows * (halves / 2 + 2 * stride_of(w) + stride_of(3 * w) + stride_of(stack.hidden)
                       + stack.heads * stride_of(tokens) + 5 * stride_of(ranks));
    }

    static int64_t most_ranks(const HalfStack &stack) {
        int64_t most = 1;
        for (int64_t index = 0; index < stack.count; ++index)
            for (int which = 0; which < 5; ++which) most = std::max(most, matrix_of(stack.layers[index], which).rank);
        return most;
    }

    static int64_t size_of(const HalfStack &stack, int64_t rows, int64_t tokens, bool keep) {
        return rows * stride_of(stack.width) * (stack.count + 1)
               + (keep ? stack.count : 1) * kept_of(stack, rows, tokens, most_ranks(stack));
    }

    void forward() {
        for (int64_t row = 0; row < rows; ++row) copy(call.x + real.places[row] * stack.width, entry(0)[row]);
        for (int64_t index = 0; index < stack.count; ++index) forward_layer(index);
        for (int64_t row = 0; row < rows; ++row) copy(entry(stack.count)[row], call.y + real.places[row] * stack.width);
    }

    void backward() {
        for (int64_t row = 0; row < rows; ++row) copy(call.dy + real.places[row] * stack.width, gradient[row]);
        for (int64_t index = stack.count - 1; index >= 0; --index) backward_layer(index);
        for (int64_t row = 0; row < rows; ++row) copy(gradient[row], call.dx + real.places[row] * stack.width);
    }

private:
    void copy(const float *from, float *to) const { std::memcpy(to, from, sizeof(float) * stack.width); }

    Rows take(int64_t width) { return {own.take(rows * stride_of(width)), stride_of(width)}; }

    bool joins(int64_t index) const { return index >= stack.count - stack.joins; }

    // The input of a layer, before it is joined.
    Rows entry(int64_t index) const {
        return {memory + index * rows * stride_of(stack.width), stride_of(stack.width)};
    }

    Kept kept(int64_t index) const {
        const int64_t ranks = most_ranks(stack), w = stack.width;
        float *at = entry(stack.count + 1).at + (call.keep ? index : 0) * kept_of(stack, rows, tokens, ranks);
        const auto numbers = [&](int64_t count, int64_t width) {
            const Rows taken = {at, stride_of(width)};
            at += count * taken.stride;
            return taken;
        };
        const auto half_rows = [&](int64_t width) {
            const HalfRows taken = {(Half *)at, half_stride_of(width)};
            at += rows * taken.stride / 2;
            return taken;
        };
        Kept kept;
        kept.joined = half_rows(2 * w), kept.asking = half_rows(w), kept.mixed = half_rows(w), kept.before = half_rows(w);
        kept.bent = half_rows(stack.hidden);
        kept.x = numbers(rows, w), kept.middle = numbers(rows, w), kept.qkv = numbers(rows, 3 * w);
        kept.wide = numbers(rows, stack.hidden), kept.shares = numbers(rows * stack.heads, tokens);
        for (Rows &low : kept.low) low = numbers(rows, ranks);
        if (!joins(index)) kept.x = entry(index);
        return kept;
    }

    // low = strength * (down x) for each row
    void lower(const HalfMatrix &matrix, const float *down, HalfRows x, int64_t inputs, Rows low) {
        const int64_t stride = half_stride_of(inputs);
        for (int64_t start = 0; start < matrix.rank; start += 64) {
            const int64_t count = std::min<int64_t>(matrix.rank - start, 64);
            for (int64_t r = 0; r < count; ++r) round_row(down + (start + r) * inputs, halves + r * stride, inputs);
            for (int64_t row = 0; row < rows; ++row)
                for (int64_t r = 0; r < count; ++r)
                    low[row][start + r] = matrix.strengths[real.places[row] / tokens * matrix.rank + start + r]
                                          * dot(x[row], halves + r * stride, inputs);
        }
    }

    void map(const HalfMatrix &matrix, HalfRows x, Rows low, Rows y, Rows plus = {}) {
        if (matrix.rank) lower(matrix, matrix.down, x, matrix.inputs, low);
        multiply({x, matrix.inputs, matrix.outputs, matrix.panels, matrix.bias, y, plus, low, matrix.rank, matrix.up}, rows);
    }

    // dx of a matrix whose output has the gradient dy; adds to the gradients of its addition.
    void map_back(const HalfMatrix &matrix, HalfRows x, Rows low_of_x, HalfRows dy, Rows dx) {
        if (matrix.rank) {
            lower(matrix, matrix.up, dy, matrix.outputs, low);
            add_outer(low_of_x, matrix.rank, dy, matrix.outputs, rows, matrix.up_gradient);
            add_outer(low, matrix.rank, x, matrix.inputs, rows, matrix.down_gradient);
        }
        multiply({dy, matrix.outputs, matrix.inputs, matrix.panels_back, nullptr, dx, {}, low, matrix.rank, matrix.down}, rows);
    }

    HalfRows round(Rows x, int64_t width) {
        for (int64_t row = 0; row < rows; ++row) round_row(x[row], rounded[row], width);
        return rounded;
    }

    void normed(const Norm &norm, Rows x, HalfRows y) {
        for (int64_t row = 0; row < rows; ++row) {
            norm_row(norm, x[row], line, stack.width);
            round_row(line, y[row], stack.width);
        }
    }

    void forward_layer(int64_t index) {
        const HalfLayer &layer = stack.layers[index];
        const int64_t w = stack.width;
        const Kept kept = this->kept(index);
        if (joins(index)) {
            const Rows more = entry(stack.count - index);
            for (int64_t row = 0; row < rows; ++row) {
                copy(entry(index)[row], wide[row]);
                copy(more[row], wide[row] + w);
                round_row(wide[row], kept.joined[row], 2 * w);
            }
            map(layer.join, kept.joined, kept.low[JOIN], kept.x);
        }
        normed(layer.norm_1, kept.x, kept.asking);
        map(layer.qkv, kept.asking, kept.low[QKV], kept.qkv);
        for (int64_t sample = 0; sample < samples; ++sample)
            for (int64_t head = 0; head < stack.heads; ++head) attend(kept, sample, head);
        for (int64_t row = 0; row < rows; ++row) round_row(part[row], kept.mixed[row], w);
        map(layer.out, kept.mixed, kept.low[OUT], kept.middle, kept.x);
        normed(layer.norm_2, kept.middle, kept.before);
        map(layer.first, kept.before, kept.low[FIRST], kept.wide);
        for (int64_t row = 0; row < rows; ++row) {
            const float *from = kept.wide[row];
            for (int64_t at = 0; at < stack.hidden; at += LANES)
                store_part(wide[row] + at, gelu(load_part(from + at, stack.hidden - at, all(0.0f))), stack.hidden - at);
            round_row(wide[row], kept.bent[row], stack.hidden);
        }
        map(layer.second, kept.bent, kept.low[SECOND], entry(index + 1), kept.middle);
    }

    void backward_layer(int64_t index) {
        const HalfLayer &layer = stack.layers[index];
        const int64_t w = stack.width;
        const Kept kept = this->kept(index);
        if (index < stack.joins)
            for (int64_t row = 0; row < rows; ++row) add(1.0f, skipped_at[index][row], gradient[row], w);
        map_back(layer.second, kept.bent, kept.low[SECOND], round(gradient, w), wide);
        for (int64_t row = 0; row < rows; ++row)
            for (int64_t at = 0; at < stack.hidden; at += LANES) {
                const int64_t left = stack.hidden - at;
                const Vec slope = gelu_slope(load_part(kept.wide[row] + at, left, all(0.0f)));
                store_part(wide[row] + at, load_part(wide[row] + at, left, all(0.0f)) * slope, left);
            }
        map_back(layer.first, kept.before, kept.low[FIRST], round(wide, stack.hidden), part);
        for (int64_t row = 0; row < rows; ++row) add_norm_gradient(layer.norm_2, kept.middle[row], part[row], gradient[row], w);
        map_back(layer.out, kept.mixed, kept.low[OUT], round(gradient, w), part);
        for (int64_t sample = 0; sample < samples; ++sample)
            for (int64_t head = 0; head < stack.heads; ++head) attend_back(kept, sample, head);
        map_back(layer.qkv, kept.asking, kept.low[QKV], round(wide, 3 * w), part);
        for (int64_t row = 0; row < rows; ++row) add_norm_gradient(layer.norm_1, kept.x[row], part[row], gradient[row], w);
        if (!joins(index)) return;
        map_back(layer.join, kept.joined, kept.low[JOIN], round(gradient, w), wide);
        for (int64_t row = 0; row < rows; ++row) {
            copy(wide[row], gradient[row]);
            copy(wide[row] + w, skipped_at[stack.count - 1 - index][row]);
        }
    }

    // softmax(q k^T / sqrt(d)) v of one head, into `part`
    void attend(const Kept &kept, int64_t sample, int64_t head) {
        const int64_t size = stack.width / stack.heads, w = stack.width, at = head * size;
        const int64_t start = real.starts[sample], end = real.starts[sample + 1];
        std::fill_n(line, end - start, 0.0f);
        for (int64_t query = start; query < end; ++query) {
            float *shares = kept.shares[query * stack.heads + head], *mixed = part[query] + at;
            const int64_t seen = stack.causal ? query + 1 : end;
            for (int64_t key = start; key < seen; ++key)
                shares[key - start] = dot(kept.qkv[query] + at, kept.qkv[key] + w + at, size);
            softmax(shares, line, 1 / std::sqrt((float)size), seen - start);
            std::fill_n(mixed, size, 0.0f);
            for (int64_t key = start; key < seen; ++key) add(shares[key - start], kept.qkv[key] + 2 * w + at, mixed, size);
        }
    }

    // The gradients of q, k and v of one head, into `wide`, where that of its output is in `part`.
    void attend_back(const Kept &kept, int64_t sample, int64_t head) {
        const int64_t size = stack.width / stack.heads, w = stack.width, at = head * size;
        const int64_t start = real.starts[sample], end = real.starts[sample + 1];
        const float scale = 1 / std::sqrt((float)size);
        for (int64_t row = start; row < end; ++row)
            for (int64_t of = 0; of < 3; ++of) std::fill_n(wide[row] + of * w + at, size, 0.0f);
        for (int64_t query = start; query < end; ++query) {
            const float *shares = kept.shares[query * stack.heads + head], *dy = part[query] + at;
            const int64_t seen = stack.causal ? query + 1 : end;
            float mean = 0.0f;
            for (int64_t key = start; key < seen; ++key) {
                line[key - start] = dot(dy, kept.qkv[key] + 2 * w + at, size);
                mean += shares[key - start] * line[key - start];
            }
            for (int64_t key = start; key < seen; ++key) {
                const float share = shares[key - start], slope = share * (line[key - start] - mean) * scale;
                add(slope, kept.qkv[key] + w + at, wide[query] + at, size);
                add(slope, kept.qkv[query] + at, wide[key] + w + at, size);
                add(share, dy, wide[key] + 2 * w + at, size);
            }
        }
    }

    const HalfStack &stack;
    const HalfCall &call;
    const int64_t samples, tokens;
    const RealTokens real;
    const int64_t rows;
    float *const memory;
    const int64_t widest;
    Scratch own;
    Rows gradient, part, wide, low;
    std::vector<Rows> skipped_at;
    HalfRows rounded;
    float *line;            // one row's numbers
    Half *halves;
};

inline int64_t samples_of_group(const HalfCall &call) { return std::min(call.batch, samples_together(call.tokens)); }

inline int64_t count_groups(const HalfCall &call) { return cut(call.batch, samples_of_group(call)); }

// The numbers that a group of samples writes to `call.kept`.
static int64_t group_size(const HalfStack &stack, const HalfCall &call) {
    return HalfPass::size_of(stack, samples_of_group(call) * call.tokens, call.tokens, call.keep);
}

// Each group has memory of its own if it is kept for gradients; else each thread has.
static int64_t kept_size(const HalfStack &stack, const HalfCall &call) {
    return (call.keep ? count_groups(call) : call.threads) * group_size(stack, call);
}

// A group's work, in the memory of this number.
static HalfPass pass_of(const HalfStack &stack, const HalfCall &call, int64_t group, int64_t memory) {
    const int64_t first = group * samples_of_group(call), samples = std::min(samples_of_group(call), call.batch - first);
    return HalfPass(stack, call, first, samples, call.kept + memory * group_size(stack, call));
}

static void forward(const HalfStack &stack, const HalfCall &call) {
    Shares shares(call.threads);
    Pool::instance().run(call.threads, [&](int64_t number) {
        Team(&shares, number).each(count_groups(call), [&](int64_t group) {
            pass_of(stack, call, group, call.keep ? group : number).forward();
        });
    });
}

// By one thread: the gradients of additions are sums over the groups.
static void backward(const HalfStack &stack, const HalfCall &call) {
    for (int64_t group = 0; group < count_groups(call); ++group) pass_of(stack, call, group, group).backward();
}
