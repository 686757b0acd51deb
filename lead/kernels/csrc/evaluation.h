// A transformer stack at one level of vector instructions.  Included once inside each level's namespace, after
// `matrix.h`.

static void norm_row(const Norm &norm, const float *x, float *y, int64_t width) {
    Vec total = all(0.0f), squares = all(0.0f);
    for (int64_t at = 0; at < width; at += LANES) total = total + load_part(x + at, width - at, all(0.0f));
    const Vec mean = all(sum(total) / (float)width);
    for (int64_t at = 0; at < width; at += LANES) {
        const Vec off = load_part(x + at, width - at, mean) - mean;
        squares = fma(off, off, squares);
    }
    const Vec scale = all(1 / std::sqrt(sum(squares) / (float)width + norm.eps));
    for (int64_t at = 0; at < width; at += LANES) {
        const int64_t left = width - at;
        const Vec unit = (load_part(x + at, left, mean) - mean) * scale;
        const Vec gain = load_part(norm.gain + at, left, mean), shift = load_part(norm.shift + at, left, mean);
        store_part(y + at, fma(unit, gain, shift), left);
    }
}

// Replaces the scores of `keys` keys by shares that sum to 1; `bias` is added to the scaled scores.
static void softmax(float *scores, const float *bias, float scale, int64_t keys) {
    const Vec never = all(-INFINITY);
    Vec highest = never, total = all(0.0f);
    for (int64_t at = 0; at < keys; at += LANES) {
        const Vec added = load_part(bias + at, keys - at, never);
        const Vec score = fma(load_part(scores + at, keys - at, all(0.0f)), all(scale), added);
        store_part(scores + at, score, keys - at);
        highest = larger(highest, score);
    }
    highest = all(largest(highest));
    for (int64_t at = 0; at < keys; at += LANES) {
        const Vec share = exponential(load_part(scores + at, keys - at, never) - highest);
        store_part(scores + at, share, keys - at);
        total = total + share;
    }
    const Vec scale_to_1 = all(1 / sum(total));
    for (int64_t at = 0; at < keys; at += LANES)
        store_part(scores + at, load_part(scores + at, keys - at, total) * scale_to_1, keys - at);
}

static Rows rows_of(Scratch &scratch, int64_t rows, int64_t width) {
    return {scratch.take(rows * stride_of(width)), stride_of(width)};
}

// The buffers of one evaluation, which the threads of a team share.
struct Buffers {
    Buffers(const Stack &stack, int64_t samples, int64_t tokens) : scratch(size_of(stack, samples, tokens)) {
        const int64_t rows = samples * tokens;
        main = rows_of(scratch, rows, stack.width);
        side = rows_of(scratch, rows, stack.width);
        mixed = rows_of(scratch, rows, stack.width);
        kept = rows_of(scratch, rows * stack.joins, stack.width);
        wide = rows_of(scratch, rows, widest(stack));
        low = rows_of(scratch, rows, most_ranks(stack));
        value = rows_of(scratch, samples, stack.width);
        from_memory = rows_of(scratch, samples, stack.width);
    }

    static int64_t widest(const Stack &stack) { return std::max(3 * stack.width, stack.hidden); }

    static int64_t most_ranks(const Stack &stack) {
        int64_t most = 0;
        for (const Layer *layer = stack.layers; layer < stack.layers + stack.count; ++layer)
            for (const Matrix *matrix : {&layer->join, &layer->qkv, &layer->out, &layer->first, &layer->second})
                most = std::max(most, matrix->rank);
        return most;
    }

    static int64_t size_of(const Stack &stack, int64_t samples, int64_t tokens) {
        const int64_t width = stride_of(stack.width), rows = samples * tokens;
        const int64_t row = (3 + stack.joins) * width + stride_of(widest(stack)) + stride_of(most_ranks(stack));
        return rows * row + 2 * samples * width;
    }

    Scratch scratch;
    Rows main, side;        // x after a layer, and between the parts of a layer
    Rows mixed, wide, low;  // inside a part
    Rows kept;              // x after each layer that a later one joins
    Rows value, from_memory;
};

// One thread's work on a stack, for some of a batch's samples.
class Evaluation {
public:
    Evaluation(const Stack &stack, const Call &call, int64_t first, int64_t samples, Buffers &buffers, Team team)
        : stack(stack), call(call), first(first), samples(samples), tokens(call.tokens), to(buffers), team(team),
          own(own_size()) {
        const int64_t head = stack.width / stack.heads, keys = cut(tokens, PANEL) * PANEL;
        key_panels = own.take(keys * head);
        value_panels = own.take(tokens * cut(head, PANEL) * PANEL);
        scores = rows_of(own, ROWS, tokens);
        bias = own.take(tokens);
    }

    void run() {
        Rows x = to.main;
        each_row([&](int64_t row) { std::memcpy(x[row], given(row), sizeof(float) * stack.width); });
        for (int64_t index = 0; index < stack.count; ++index) x = after_layer(index, x);
        float *y = call.y + first * tokens * stack.width;
        each_row([&](int64_t row) {
            if (stack.last) norm_row(*stack.last, x[row], y + row * stack.width, stack.width);
            else std::memcpy(y + row * stack.width, x[row], sizeof(float) * stack.width);
        });
    }

private:
    int64_t rows() const { return samples * tokens; }

    // The numbers of a row of x.
    const float *given(int64_t row) const {
        const Piece *piece = call.pieces;
        int64_t token = row % tokens;
        for (; token >= piece->tokens; ++piece) token -= piece->tokens;
        return piece->at + (first + row / tokens) * piece->stride + token * stack.width;
    }

    Rows after_layer(int64_t index, Rows x) {
        const Layer &layer = stack.layers[index];
        if (joins(index)) {
            map(layer.join, x, kept(stack.count - 1 - index), {to.side, stack.width}, layer.qkv);
            x = to.side;
        }
        const Rows asking = stack.post_norm ? x : normed(layer.norm_1, x, to.mixed);
        map(layer.qkv, asking, {}, {to.wide, 3 * stack.width}, layer.out);
        const bool last = index == stack.count - 1;
        attention(last ? call.from : 0, last ? call.wanted : tokens);
        if (last && call.wanted < tokens) x = only_wanted(x, x.at == to.side.at ? to.main : to.side);
        map(layer.out, to.mixed, {}, {to.side, stack.width, x}, call.memory ? layer.value : layer.first);
        x = to.side;
        if (stack.post_norm) normed(layer.norm_1, x, x);
        if (call.memory) remember(layer, x);
        const Rows before = stack.post_norm ? x : normed(layer.norm_2, x, to.mixed);
        const auto activation = stack.activation == GELU ? bend<gelu> : bend<quick_gelu>;
        map(layer.first, before, {}, {to.wide, stack.hidden, {}, activation}, layer.second);
        const Rows next = index < stack.joins ? kept(index) : to.main;
        map(layer.second, to.wide, {}, {next, stack.width, x}, start_of((index + 1) % stack.count));
        return stack.post_norm ? normed(layer.norm_2, next, next) : next;
    }

    Rows kept(int64_t index) const { return {to.kept[index * samples * call.tokens], to.kept.stride}; }

    bool joins(int64_t index) const { return index >= stack.count - stack.joins; }

    // The first matrix of a layer.
    const Matrix &start_of(int64_t index) const {
        return joins(index) ? stack.layers[index].join : stack.layers[index].qkv;
    }

    // y = W [x, more] + b and the matrix's low-rank addition; `then` is the next matrix.
    void map(const Matrix &matrix, Rows x, Rows more, const Target &target, const Matrix &then) {
        map(matrix, x, more, target, then, rows());
    }

    void map(const Matrix &matrix, Rows x, Rows more, const Target &target, const Matrix &then, int64_t count) {
        const int64_t step = (matrix.inputs + 1) * PANEL, half = more.at ? matrix.inputs / 2 : matrix.inputs;
        const int64_t panels = cut(matrix.outputs, PANEL);
        const float *end = matrix.panels + team.own_end(panels) * step;
        const float *next = then.panels + team.own_start(cut(then.outputs, PANEL)) * (then.inputs + 1) * PANEL;
        Source sources[3] = {{x.at, x.stride, matrix.panels + PANEL, half, step, end, next}};
        int parts = 1;
        if (more.at)
            sources[parts++] = {more.at, more.stride, matrix.panels + (1 + half) * PANEL, half, step, end, next};
        if (matrix.rank) {
            lower(matrix, sources, parts);
            const Rows low = {to.low.at, stride_of(matrix.rank)};
            sources[parts++] = {low.at, low.stride, matrix.up + PANEL, matrix.rank, (matrix.rank + 1) * PANEL};
        }
        team.each(panels, [&](int64_t panel) {
            column(sources, parts, matrix.panels + panel * step, panel, count, target);
        });
    }

    // strength * (down x) for each row, into `low`.
    void lower(const Matrix &matrix, const Source *sources, int parts) {
        Source down[2];
        for (int part = 0; part < parts; ++part) {
            down[part] = sources[part];
            down[part].weights = matrix.down + (sources[part].weights - matrix.panels);
            down[part].end = nullptr;
        }
        const Rows low = {to.low.at, stride_of(matrix.rank)};
        team.each(cut(matrix.rank, PANEL), [&](int64_t panel) {
            column(down, parts, nullptr, panel, rows(), {low, matrix.rank});
            for (int64_t row = 0; row < rows(); ++row)
                for (int64_t rank = panel * PANEL; rank < std::min((panel + 1) * PANEL, matrix.rank); ++rank)
                    low[row][rank] *= matrix.strengths[(first + row / tokens) * matrix.rank + rank];
        });
    }

    Rows normed(const Norm &norm, Rows x, Rows y) {
        each_row([&](int64_t row) { norm_row(norm, x[row], y[row], stack.width); });
        return y;
    }

    // x = norm(x + the attention to the memory token, which is the same for all of a sample's tokens)
    void remember(const Layer &layer, Rows x) {
        const Rows memory = {const_cast<float *>(call.memory) + first * stack.width, stack.width};
        map(layer.value, memory, {}, {to.value, stack.width}, layer.put, samples);
        map(layer.put, to.value, {}, {to.from_memory, stack.width}, layer.first, samples);
        each_row([&](int64_t row) {
            const float *said = to.from_memory[row / tokens];
            for (int64_t at = 0; at < stack.width; ++at) x[row][at] += said[at];
            norm_row(layer.norm_memory, x[row], x[row], stack.width);
        });
    }

    // The rows of x of the wanted tokens; from here on there are no others.
    Rows only_wanted(Rows x, Rows y) {
        const int64_t before = tokens;
        tokens = call.wanted;
        each_row([&](int64_t row) {
            const float *from = x[row / tokens * before + call.from + row % tokens];
            std::memcpy(y[row], from, sizeof(float) * stack.width);
        });
        return y;
    }

    void attention(int64_t from, int64_t wanted) {
        team.each(samples * stack.heads, [&](int64_t item) {
            attend(item / stack.heads, item % stack.heads, from, wanted);
        });
    }

    // softmax(q k^T / sqrt(d)) v of one head, for `wanted` queries from `from` on; it reads `wide` and writes `mixed`.
    void attend(int64_t sample, int64_t head, int64_t from, int64_t wanted) {
        const int64_t size = stack.width / stack.heads, keys = call.tokens, stride = to.wide.stride;
        const float *q = to.wide[sample * keys] + head * size, *k = q + stack.width, *v = k + stack.width;
        const Rows mixed = {to.mixed[sample * wanted] + head * size, to.mixed.stride};
        const uint8_t *mask = call.mask ? call.mask + (first + sample) * keys : nullptr;
        for (int64_t key = 0; key < keys; ++key) bias[key] = mask && !mask[key] ? -1e9f : 0.0f;
        if (keys <= LANES) return attend_to_few(q + from * stride, k, v, mixed, from, wanted);
        for (int64_t key = 0; key < keys; ++key) {
            float *panel = key_panels + key / PANEL * size * PANEL + key % PANEL;
            for (int64_t at = 0; at < size; ++at) panel[at * PANEL] = k[key * stride + at];
            for (int64_t at = 0; at < size; at += LANES)
                store(value_panels + (at / PANEL * keys + key) * PANEL + at % PANEL,
                      load_part(v + key * stride + at, size - at, all(0.0f)));
        }
        const int64_t tiles = cut(wanted, ROWS);
        for (int64_t index = 0; index < tiles; ++index) {
            const int64_t query = index * wanted / tiles, count = (index + 1) * wanted / tiles - query;
            const Source to_keys{q + (from + query) * stride, stride, key_panels, size, size * PANEL};
            for (int64_t panel = 0; panel < cut(keys, PANEL); ++panel)
                column(&to_keys, 1, nullptr, panel, count, {scores, keys});
            for (int64_t row = 0; row < count; ++row) {
                const int64_t seen = stack.causal ? from + query + row + 1 : keys;
                softmax(scores[row], bias, 1 / std::sqrt((float)size), seen);
                std::fill(scores[row] + seen, scores[row] + keys, 0.0f);
            }
            const Source to_values{scores.at, scores.stride, value_panels, keys, keys * PANEL};
            for (int64_t panel = 0; panel < cut(size, PANEL); ++panel)
                column(&to_values, 1, nullptr, panel, count, {{mixed[query], mixed.stride}, size});
        }
    }

    // The same for keys so few that packing would not pay.
    void attend_to_few(const float *q, const float *k, const float *v, Rows mixed, int64_t from, int64_t wanted) {
        const int64_t size = stack.width / stack.heads, stride = to.wide.stride;
        const Vec nothing = all(0.0f);
        for (int64_t query = 0; query < wanted; ++query, q += stride) {
            const int64_t seen = stack.causal ? from + query + 1 : call.tokens;
            for (int64_t key = 0; key < seen; ++key) {
                Vec products = nothing;
                for (int64_t at = 0; at < size; at += LANES) {
                    const int64_t left = size - at;
                    const Vec asked = load_part(q + at, left, nothing), own = load_part(k + key * stride + at, left, nothing);
                    products = fma(asked, own, products);
                }
                scores[0][key] = sum(products);
            }
            softmax(scores[0], bias, 1 / std::sqrt((float)size), seen);
            for (int64_t at = 0; at < size; at += LANES) {
                Vec mean = nothing;
                for (int64_t key = 0; key < seen; ++key)
                    mean = fma(all(scores[0][key]), load_part(v + key * stride + at, size - at, nothing), mean);
                store_part(mixed[query] + at, mean, size - at);
            }
        }
    }

    template <class Work> void each_row(Work work) { team.each(rows(), work); }

    int64_t own_size() const {
        const int64_t head = stack.width / stack.heads, keys = cut(tokens, PANEL) * PANEL;
        return keys * head + tokens * cut(head, PANEL) * PANEL + ROWS * stride_of(tokens) + tokens + 64;
    }

    const Stack &stack;
    const Call &call;
    const int64_t first, samples;
    int64_t tokens;  // of each sample
    Buffers &to;
    Team team;
    Scratch own;     // of this thread alone
    float *key_panels, *value_panels, *bias;
    Rows scores;
};

// One matrix by itself, divided among threads if that is worth waking them.
static void map(
    const Matrix &matrix, const float *x, int64_t rows, int64_t stride, const float *plus, float *y, int64_t bent,
    int64_t threads) {
    const int64_t step = (matrix.inputs + 1) * PANEL, panels = cut(matrix.outputs, PANEL);
    const auto part = [&](int64_t panel, int64_t row, int64_t count) {
        const Source from{x + row * stride, stride, matrix.panels + PANEL, matrix.inputs, step};
        const Rows to{y + row * matrix.outputs, matrix.outputs};
        const Rows more{plus ? const_cast<float *>(plus) + row * matrix.outputs : nullptr, matrix.outputs};
        const Target target{to, matrix.outputs, more, bent ? bend<gelu> : nullptr};
        column(&from, 1, matrix.panels + panel * step, panel, count, target);
    };
    const bool worth = threads > 1 && rows * matrix.inputs * panels > 200000;
    const int64_t blocks = rows < 2 * ROWS * threads ? 1 : 4 * threads;
    Shares shares(worth ? threads : 1);
    Pool::instance().run(shares.threads, [&](int64_t number) {
        Team(&shares, number).each(panels * blocks, [&](int64_t item) {
            const int64_t panel = item / blocks, block = item % blocks, row = block * rows / blocks;
            part(panel, row, (block + 1) * rows / blocks - row);
        });
    });
}

// The whole batch.  If there are enough rows for each core to compute rather than to read weights, and the samples can
// be divided evenly, each thread takes groups of samples through the whole stack by itself; else all threads work on
// the whole batch together.
static void evaluate(const Stack &stack, const Call &call) {
    Pool &pool = Pool::instance();
    int64_t threads = std::max<int64_t>(call.threads, 1);
    const int64_t batch = call.batch, tokens = call.tokens;
    const bool enough = batch * tokens >= 48 * threads, even = cut(batch, threads) * threads * 20 <= batch * 21;
    if (threads > 1 && !(enough && even)) {
        if (pool.crowded()) threads = 1;
        else {
            Buffers buffers(stack, batch, tokens);
            Shares shares(threads);
            pool.run(threads, [&](int64_t number) {
                Evaluation(stack, call, 0, batch, buffers, Team(&shares, number)).run();
            });
            return pool.learn(shares.held_up);
        }
    }
    const int64_t most = std::max<int64_t>(1, 96 / tokens);  // samples whose rows stay in a core's own cache
    const int64_t groups = std::min(batch, threads * cut(batch, threads * most));
    Shares shares(threads);
    pool.run(threads, [&](int64_t number) {
        Team(&shares, number).each(groups, [&](int64_t group) {
            const int64_t first = group * batch / groups, samples = (group + 1) * batch / groups - first;
            Buffers buffers(stack, samples, tokens);
            Evaluation(stack, call, first, samples, buffers, Team()).run();
        });
    });
}
