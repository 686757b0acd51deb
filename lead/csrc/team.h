// Threads that share one evaluation.
//
// All of a team run the same code.  Where it comes to `each`, they take the items as they are free; what is computed
// for an item does not depend on who takes it.  Where another program holds a core, its thread is missed only if it has
// taken an item, and after that it is done without for a while.
#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <immintrin.h>
#include <mutex>
#include <system_error>
#include <thread>

using Clock = std::chrono::steady_clock;
using Micros = std::chrono::microseconds;

// Waits a little: first in place, then by giving the core to whoever wants it.
class Patience {
public:
    void wait() {
        if (++rounds < 1000) _mm_pause();
        else std::this_thread::yield();
    }
private:
    int rounds = 0;
};

// The items of one piece of code: how many were taken, how many are done.
struct alignas(64) Shares {
    std::atomic<int64_t> taken{0}, done{0};
};

// One thread's view of a team; with no shares it is alone.
class Team {
public:
    explicit Team(Shares *shares = nullptr, int64_t threads = 1, std::atomic<bool> *held_up = nullptr)
        : shares(shares), threads(threads), held_up(held_up) {}

    template <class Work> void each(int64_t items, Work work) {
        if (!shares) {
            for (int64_t item = 0; item < items; ++item) work(item);
            return;
        }
        Shares &now = *shares++;
        int64_t mine = 0;
        while (now.taken.load(std::memory_order_relaxed) < items) {
            const int64_t item = now.taken.fetch_add(1, std::memory_order_relaxed);
            if (item >= items) break;
            work(item);
            ++mine;
        }
        if (mine) now.done.fetch_add(mine, std::memory_order_release);
        if (now.done.load(std::memory_order_acquire) < items) await(now, items);
    }

    // Into how many items to cut so many parts: a few for each thread, for taking one costs a tenth of a microsecond.
    int64_t pieces(int64_t parts) const {
        if (!shares) return 1;
        return parts > 4 * threads ? 4 * threads : parts;
    }

private:
    void await(const Shares &now, int64_t items) const {
        const auto start = Clock::now();
        for (Patience patience; now.done.load(std::memory_order_acquire) < items;) patience.wait();
        if (held_up && Clock::now() - start > Micros(2000)) *held_up = true;  // no item takes as long
    }

    Shares *shares;
    int64_t threads;
    std::atomic<bool> *held_up;
};

// Helpers that live as long as the process and sleep between evaluations.  After a fork the child has none of them, and
// every evaluation is its caller's alone.
class Pool {
public:
    static Pool &instance() {
        static Pool &pool = *new Pool;  // never destroyed: helpers may outlive static objects
        return pool;
    }

    // Whether it is no time for working hand in hand, since threads were held up.
    bool crowded() const { return Clock::now().time_since_epoch().count() < quiet_until; }

    // After an evaluation hand in hand: for how long to do without, each time twice as long.
    void learn(bool held_up) {
        quiet = held_up ? std::min<int64_t>(2 * quiet, 1000000) : 25000;
        if (held_up) quiet_until = (Clock::now() + Micros(quiet)).time_since_epoch().count();
    }

    // Runs `work` here and on up to `threads - 1` helpers, and returns when nobody is in it any more.
    template <class Work> void run(int64_t threads, Work work) {
        std::unique_lock<std::mutex> alone(busy, std::try_to_lock);
        const bool shared = threads > 1 && alone;
        if (shared) open(threads - 1, [](void *given) { (*static_cast<Work *>(given))(); }, &work);
        work();
        if (shared) close();
    }

private:
    using Job = void (*)(void *);

    void open(int64_t wanted, Job given, void *to) {
        try {
            for (; helpers < wanted; ++helpers) std::thread(&Pool::help, this, helpers).detach();
        } catch (const std::system_error &) {  // no more threads are to be had
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
            if (is_open && number < places) job(context);
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

    std::mutex busy, door;
    std::condition_variable bell;
    int64_t helpers = 0;
    Job job = nullptr;
    void *context = nullptr;
    std::atomic<int64_t> places{0}, inside{0}, asleep{0}, quiet{25000}, quiet_until{0};
    std::atomic<uint64_t> calls{0};
    std::atomic<bool> is_open{false};
};
