// Memory for one evaluation.  Its thread keeps it for the next one: fresh pages cost more than 5 % of a step.
#pragma once
#include "stack.h"

#include <memory>
#include <new>
#include <utility>

class Scratch {
public:
    explicit Scratch(int64_t size) : block(spare().size >= size ? std::exchange(spare(), Block()) : Block(size)) {}
    ~Scratch() {
        if (block.size <= MOST_KEPT && block.size > spare().size) spare() = std::move(block);
    }

    // The next `size` numbers; they begin at a cache line.
    float *take(int64_t size) {
        float *taken = block.numbers.get() + used;
        used += (size + 15) / 16 * 16;
        return taken;
    }

private:
    static constexpr int64_t MOST_KEPT = 1 << 22;  // 16 MB

    struct Free {
        void operator()(float *numbers) const { operator delete[](numbers, std::align_val_t(64)); }
    };
    struct Block {
        Block() = default;
        explicit Block(int64_t size) : size(size), numbers(new (std::align_val_t(64)) float[size]) {}
        int64_t size = 0;
        std::unique_ptr<float[], Free> numbers;
    };
    static Block &spare() {
        thread_local Block block;
        return block;
    }

    Block block;
    int64_t used = 0;
};
