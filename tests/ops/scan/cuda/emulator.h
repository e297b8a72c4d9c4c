// The scan's CUDA kernels on a CPU, to test what they compute where there is no GPU: every thread of a block is a
// fiber, and which one goes on at a shuffle or barrier is drawn at random. Copies arrive when they are waited for, or
// at once (`eager`), the two extremes of what hardware may do. It stands in front of the kernels in place of intrinsics.cu.
#include <ucontext.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#define __device__
#define __global__
#define __shared__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

struct dim { int x; };
static dim threadIdx, blockIdx;
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
static inline int min(int a, int b) { return a < b ? a : b; }
static inline int max(int a, int b) { return a > b ? a : b; }
static inline float __uint_as_float(unsigned v) { float f; memcpy(&f, &v, 4); return f; }
static inline unsigned __float_as_uint(float f) { unsigned v; memcpy(&v, &f, 4); return v; }
static inline unsigned __byte_perm(unsigned a, unsigned b, unsigned s) {
  unsigned long long both = (unsigned long long)b << 32 | a;
  unsigned out = 0;
  for (int i = 0; i < 4; i++) out |= (unsigned)(both >> 8 * (s >> 4 * i & 7) & 255) << 8 * i;
  return out;
}

alignas(128) unsigned char smem[232448];
alignas(128) unsigned char gone[16];

struct Copy { unsigned to; const void* from; int bytes; };
struct Fiber {
  ucontext_t context;
  std::vector<char> stack;
  bool over;
  std::deque<std::vector<Copy>> groups;  // the last one is open
};
struct Meeting { int arrived = 0; long round = 0; };
struct Barrier { int expected = 0, pending = 0; long phase = 0; };
static std::vector<std::unique_ptr<Fiber>> fibers;
static ucontext_t scheduler;
static int current, alive, eager;
static long idle;
static std::vector<Meeting> warps;
static Meeting whole;
static float exchange[64][32];
static std::map<unsigned, Barrier> barriers;

static void yield() {
  int self = current;
  swapcontext(&fibers[self]->context, &scheduler);
  current = self;
  threadIdx.x = self;
}
template <class Ready> static void wait_until(Ready ready) {
  while (!ready()) {
    if (++idle > 200000000L) { fprintf(stderr, "deadlock\n"); abort(); }
    yield();
  }
  idle = 0;
}
static void meet(Meeting& m, int count) {
  long round = m.round;
  if (++m.arrived == count) { m.arrived = 0; m.round++; }
  wait_until([&] { return m.round != round; });
}
static inline void __syncwarp() { meet(warps[current / 32], 32); }
static inline void __syncthreads() { meet(whole, (int)fibers.size()); }
static inline float __shfl_lane(float v, int lane) {
  int warp = current / 32;
  exchange[warp][current % 32] = v;
  __syncwarp();
  float got = exchange[warp][lane & 31];
  __syncwarp();
  return got;
}
static inline float __shfl_xor_sync(unsigned, float v, int mask) { return __shfl_lane(v, current % 32 ^ mask); }
static inline int __shfl_sync(unsigned, int v, int lane) {
  float f; memcpy(&f, &v, 4);
  f = __shfl_lane(f, lane);
  memcpy(&v, &f, 4);
  return v;
}

static inline float exp2_fast(float x) { float y = exp2f(x); return fabsf(y) < 1.17549435e-38f ? 0.f : y; }
static inline float from_half(u16 bits) { _Float16 h; memcpy(&h, &bits, 2); return (float)h; }
static inline u16 to_half(float x) { _Float16 h = (_Float16)x; u16 bits; memcpy(&bits, &h, 2); return bits; }
static inline u16 to_bfloat(float x) {
  u32 v = __float_as_uint(x);
  if ((v & 0x7fffffffu) > 0x7f800000u) return (u16)0x7fff;
  return (u16)(v + 0x7fffu + (v >> 16 & 1) >> 16);
}
static inline u32 shared_address(const void* p) { return (u32)((const unsigned char*)p - smem); }
static void land(const Copy& c) {
  if (c.bytes) memcpy(smem + c.to, c.from, 16);
  else memset(smem + c.to, 0, 16);
}
static void copy_async(u32 to, const void* from, int bytes) {
  if (to % 16 || to + 16 > sizeof smem || (bytes && (size_t)from % 16)) { fprintf(stderr, "misaligned copy\n"); abort(); }
  if (eager) land({to, from, bytes});
  else fibers[current]->groups.back().push_back({to, from, bytes});
}
static void land_all_but(size_t left) {
  auto& groups = fibers[current]->groups;
  while (groups.size() > left) {
    for (auto& c : groups.front()) land(c);
    groups.pop_front();
  }
  if (groups.empty()) groups.emplace_back();
}
static inline void close_group() { fibers[current]->groups.emplace_back(); }
template <int left> static inline void await_groups() { land_all_but(left + 1); }
static inline void await_copies() { land_all_but(0); }
static inline void barrier_init(u32 at, int arrivals) { barriers[at] = {arrivals, arrivals, 0}; }
static inline void barrier_arrive(u32 at) {
  Barrier& b = barriers.at(at);
  if (--b.pending == 0) { b.pending = b.expected; b.phase++; }
}
static inline void barrier_arrive_after_copies(u32 at) { land_all_but(0); barrier_arrive(at); }
static inline void barrier_wait(u32 at, int parity) {
  yield();
  wait_until([&] { return (barriers.at(at).phase & 1) != parity; });
}
static inline float4 load_now(const float4* p) { return *p; }
static inline void keep_order() {}

// Arguments as the driver's buffer holds them.
template <class A> static A take(const char*& at) { A v; memcpy(&v, at, sizeof v); at += sizeof v; return v; }
template <class... A> static auto bind(void (*kernel)(A...), const char* at) {
  std::tuple<A...> arguments{take<A>(at)...};
  return [=] { std::apply(kernel, arguments); };
}
template <class Body> static void run_block(Body& body, int threads) {
  static Body* entry;
  entry = &body;
  fibers.clear();
  barriers.clear();
  warps.assign((threads + 31) / 32, {});
  whole = {};
  memset(smem, 0xff, sizeof smem);  // NaN in every type
  for (int t = 0; t < threads; t++) {
    auto f = std::make_unique<Fiber>();
    f->stack.resize(256 * 1024);
    f->over = false;
    f->groups.emplace_back();
    getcontext(&f->context);
    f->context.uc_stack = {f->stack.data(), 0, f->stack.size()};
    f->context.uc_link = &scheduler;
    makecontext(&f->context, +[] { (*entry)(); fibers[current]->over = true; alive--; }, 0);
    fibers.push_back(std::move(f));
  }
  alive = threads;
  std::vector<int> order(threads);
  for (int t = 0; t < threads; t++) order[t] = t;
  while (alive) {
    for (int t = threads - 1; t > 0; t--) std::swap(order[t], order[rand() % (t + 1)]);
    for (int t : order)
      if (!fibers[t]->over) {
        current = t;
        threadIdx.x = t;
        swapcontext(&scheduler, &fibers[t]->context);
      }
  }
}
#define EMULATE(kernel)                                                                   \
  extern "C" void run(int blocks, int threads, const char* arguments, int seed, int at_once) { \
    srand(seed);                                                                          \
    eager = at_once;                                                                      \
    auto body = bind(kernel, arguments);                                                  \
    for (int b = 0; b < blocks; b++) {                                                    \
      blockIdx.x = b;                                                                     \
      run_block(body, threads);                                                           \
    }                                                                                     \
  }
