// Threads that share one evaluation.
//
// All threads of a team run the same code.  At each call of `each`, a thread first takes the items of its own part,
// then items of the others' parts instead of waiting for them.  An item's result does not depend on the thread that
// takes it. If another program holds a core, the team waits for that core's thread only if the thread has taken an
// item; it then works without its helpers for a while.
#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <immintrin.h>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

using Clock = std::chrono::steady_clock;
using Micros = std::chrono::microseconds;

// Waits a little: first in place, then by giving the core to another thread.
class Patience {
public:
    void wait() {
        if (++rounds < 1000) _mm_pause();
        else std::this_thread::yield();
    }
private:
    int rounds = 0;
};

// What one thread of a team tells the others.  Each number has a cache line to itself.
struct Share {
    alignas(64) std::atomic<int64_t> taken{0};  // the stage, and how many items of this thread's part are taken in it
    alignas(64) std::atomic<int64_t> done{0};   // items that this thread has done in all stages
};

// What the threads of a team share.
struct Shares {
    explicit Shares(int64_t threads) : threads(threads), of(new Share[threads]) {}

    const int64_t threads;
    const std::unique_ptr<Share[]> of;
    std::atomic<bool> held_up{false};
};

// One thread's view of a team; without shares the thread is alone.  Each call of `each` is a stage.
class Team {
public:
    explicit Team(Shares *shares = nullptr, int64_t number = 0) : shares(shares), number(number) {}

    // The first of this thread's own items, and the first after them, of so many items.
    int64_t own_start(int64_t items) const { return shares ? start_of(number, items) : 0; }
    int64_t own_end(int64_t items) const { return shares ? start_of(number + 1, items) : items; }

    template <class Work> void each(int64_t items, Work work) {
        if (!shares) {
            for (int64_t item = 0; item < items; ++item) work(item);
            return;
        }
        ++stage;
        total += items;
        for (int64_t other = 0; other < shares->threads && !done(); ++other)
            take_part((number + other) % shares->threads, items, work);
        if (!done()) await();
    }

private:
    int64_t start_of(int64_t part, int64_t items) const { return part * items / shares->threads; }

    template <class Work> void take_part(int64_t part, int64_t items, Work work) {
        const int64_t first = start_of(part, items), size = start_of(part + 1, items) - first, before = mine;
        for (int64_t item; (item = take(shares->of[part].taken, size)) < size; ++mine) work(first + item);
        if (mine > before) shares->of[number].done.store(mine, std::memory_order_release);
    }

    // The next item of a part; `size` if all are taken, or if the others are at a later stage already.
    int64_t take(std::atomic<int64_t> &taken, int64_t size) const {
        int64_t known = taken.load(std::memory_order_relaxed);
        for (;;) {
            const int64_t item = known >> 32 == stage ? known & 0xffffffff : 0;
            if (known >> 32 > stage || item >= size) return size;
            if (taken.compare_exchange_weak(known, (stage << 32) + item + 1, std::memory_order_relaxed)) return item;
        }
    }

    bool done() const {
        int64_t sum = 0;
        for (int64_t part = 0; part < shares->threads; ++part)
            sum += shares->of[part].done.load(std::memory_order_acquire);
        return sum >= total;
    }

    void await() const {
        const auto start = Clock::now();
        for (Patience patience; !done();) patience.wait();
        if (Clock::now() - start > Micros(2000)) shares->held_up = true;  // no item takes as long
    }

    Shares *shares;
    int64_t number, stage = 0, total = 0, mine = 0;  // items up to this stage, and those done here
};

// Helper threads, which live as long as the process and sleep between evaluations.  The child of a fork has none of
// them; there the caller computes every evaluation alone.
class Pool {
public:
    static Pool &instance() {
        static Pool &pool = *new Pool;  // never destroyed: helpers may outlive static objects
        return pool;
    }

    // Whether to work without helpers, since threads were held up.
    bool crowded() const { return Clock::now().time_since_epoch().count() < quiet_until; }

    // After an evaluation with helpers: sets for how long to work without them; the time doubles each time that they
    // were held up, and halves each time that they were not.
    void learn(bool held_up) {
        if (held_up) quiet_until = (Clock::now() + Micros(quiet)).time_since_epoch().count();
        quiet = held_up ? std::min<int64_t>(2 * quiet, 1000000) : std::max<int64_t>(quiet / 2, SHORT);
    }

    // Runs `work` here and on up to `threads - 1` helpers, each with its number, and returns when no thread is inside
    // `work`.
    template <class Work> void run(int64_t threads, Work work) {
        std::unique_lock<std::mutex> alone(busy, std::try_to_lock);
        const bool shared = threads > 1 && alone;
        if (shared) open(threads - 1, [](void *given, int64_t number) { (*static_cast<Work *>(given))(number); }, &work);
        work(0);
        if (shared) close();
    }

private:
    using Job = void (*)(void *, int64_t);

    void open(int64_t wanted, Job given, void *to) {
        try {
            for (; helpers < wanted; ++helpers) std::thread(&Pool::help, this, helpers).detach();
        } catch (const std::system_error &) {  // the system gives no more threads
        }
        job = given;
        context = to;
        places = wanted;
        is_open = true;
        ++calls;
        if (asleep) {
            { std::lock_guard<std::mutex> hold(door); }
            bell.notify_all();
        }
    }

    void close() {
        is_open = false;
        for (Patience patience; inside;) patience.wait();
    }

    void help(int64_t number) {
        for (uint64_t seen = 0;;) {
            await_call(seen);
            seen = calls;
            ++inside;
            if (is_open && number < places) job(context, number + 1);
            --inside;
        }
    }

    void await_call(uint64_t seen) {
        const auto until = Clock::now() + Micros(300);  // the next sampling step comes sooner
        for (Patience patience; Clock::now() < until; patience.wait())
            if (calls != seen) return;
        std::unique_lock<std::mutex> hold(door);
        ++asleep;
        bell.wait(hold, [&] { return calls != seen; });
        --asleep;
    }

    static constexpr int64_t SHORT = 4000;  // us: how long a system lets another program run, or OpenMP's threads wait

    std::mutex busy, door;
    std::condition_variable bell;
    int64_t helpers = 0;
    Job job = nullptr;
    void *context = nullptr;
    std::atomic<int64_t> places{0}, inside{0}, asleep{0}, quiet{SHORT}, quiet_until{0};
    std::atomic<uint64_t> calls{0};
    std::atomic<bool> is_open{false};
};
