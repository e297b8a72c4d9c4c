// The selective scan of a map, forwards.
//
// A block walks one direction of `each` images, one after the other, for CHANNELS channels. Its last warp only
// moves data: it fills a ring of STAGES stages of T positions in shared memory with x, delta, B and C by
// asynchronous copies, and stores the y that the other WARPS warps have written over x. Those read shared memory
// alone and reckon no address: that, and no barrier of the block in the loop, is worth 1.4 to 1.9 times the speed
// of the same arithmetic with reads from global memory (H100).
//
// LANES lanes share a channel, each with STATES of its N states. One warp on a scheduler issues in order and waits
// for each result; three of them keep the special-function units three quarters busy. So a batch with few walks
// takes more lanes a channel. A lane's part of y is summed over the channel's lanes by halves: over LANES positions
// each lane ends with the sum of one, for a shuffle a position less.
//
// MODE:
//   SCAN    y (B, L, K, D); with SAVE also states (B, segments, K, N, D), the state at each segment's start; with
//           STARTS a chunk begins with starts (B, S, K, N, D), else with zero.
//   ENDS    ends (B, S, K, N, D), each chunk's last state from zero, and sums (B, S, K, D) of its steps.
//   PASSES  the same of the backward pass, whose walk runs backwards: ends takes p at a chunk's first position
//           where nothing comes from beyond its last, p_l = exp(delta_l A) (C_l dy_l + p_{l+1}). `x` is dy then.
//
// Letters: B images, H x W map, L = H W positions, K directions, D channels, N states, S chunks of `chunk`.
constexpr int SCAN = 0, ENDS = 1, PASSES = 2;
constexpr int THREADS = WARPS * 32 + 32;
constexpr int STATES = N / LANES, WARP_CHANNELS = 32 / LANES, CHANNELS = WARPS * WARP_CHANNELS;
constexpr int RUN = LANES;                                   // positions that are summed over lanes together
constexpr bool SPLIT = MODE == SCAN && INPUT == FLOAT16;     // y is float32 then: its halves take x's and delta's places
using input = Element<INPUT>::type;
using step = Element<STEP>::type;
using output = Element<INPUT == BFLOAT16 ? BFLOAT16 : FLOAT32>::type;

constexpr int X_PIECES = CHANNELS * sizeof(input) / 16, D_PIECES = CHANNELS * sizeof(step) / 16;  // of 16 bytes, a position
constexpr int V_PIECES = 2 * N * 4 / 16;
constexpr int X_BYTES = T * X_PIECES * 16, D_BYTES = T * D_PIECES * 16, V_BYTES = T * V_PIECES * 16;
constexpr int STAGE_BYTES = X_BYTES + D_BYTES + V_BYTES, BARRIERS = STAGES * STAGE_BYTES;
constexpr int turns(int pieces) { return (T * pieces + 31) / 32; }  // of a warp that moves so many pieces a position
static_assert(CHANNELS * sizeof(input) % 16 == 0 && CHANNELS * sizeof(step) % 16 == 0, "rows of whole pieces");
static_assert(32 % T == 0 || T == 32, "a lane knows the place of one position");

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) scan_forward(
    const input* __restrict__ x, const step* __restrict__ delta, const float* __restrict__ values,
    const float* __restrict__ A_logs, const float* __restrict__ skip, const float* __restrict__ starts,
    float* __restrict__ states, float* __restrict__ ends, float* __restrict__ sums, output* __restrict__ y,
    int images, int each, int height, int width, int channels, int chunk, int chunks, int segment, int directions) {
  extern __shared__ __align__(128) unsigned char smem[];
  const int tid = threadIdx.x, lane = tid % 32, warp = tid / 32;
  const int blocks = (channels + CHANNELS - 1) / CHANNELS;
  const int block = blockIdx.x % blocks;
  const int k = blockIdx.x / blocks % K;
  const int c = blockIdx.x / (blocks * K) % chunks;
  const int own = blockIdx.x / (blocks * K * chunks) * each;  // first image
  const int length = height * width;
  int direction = directions >> 2 * k & 3;
  int first = c * chunk, last = min(first + chunk, length);
  if constexpr (MODE == PASSES) {  // the chunk's positions on the same walk taken from its end
    direction ^= 2;
    const int begin = length - last;
    last = length - first;
    first = begin;
  }
  const int d0 = block * CHANNELS;
  const int image_stages = (last - first + T - 1) / T;
  const int all = image_stages * min(each, images - own);
  const u32 base = shared_address(smem);
  const u32 full = base + BARRIERS, done = full + STAGES * 8;
  if (tid < STAGES) {
    barrier_init(full + tid * 8, 32);
    barrier_init(done + tid * 8, WARPS);
  }
  __syncthreads();

  if (warp == WARPS) {
    int load_image = own, load_at = first, store_image = own, store_at = first;
    auto place_at = [&](int position) {
      return position < last ? place_of(position, direction, height, width) : -1;
    };
    // The places of the rows whose pieces this lane moves, all asked for before the first copy: a copy lets nothing
    // pass, and each shuffle takes 30 cycles. One by one they made this warp the slowest where others have little to do.
    auto places_of = [&](auto pieces, int place, auto& at) {
#pragma unroll
      for (int i = 0; i < turns(pieces.value); i++)
        at[i] = __shfl_sync(0xffffffffu, place, (lane + i * 32) / pieces.value % 32);
    };
    // Rows of a stage, from global memory (a place has `stride` elements) to `to`. What lies beyond the walk or the
    // channels is filled with zeros: nothing is read there, wherever the address points.
    auto load_rows = [&](auto* from, auto pieces, u32 to, auto& at, int stride, int inside) {
      constexpr int per = 16 / sizeof(*from), count = T * pieces.value;
#pragma unroll
      for (int i = 0; i < turns(pieces.value); i++) {
        const int id = lane + i * 32, column = id % pieces.value * per;
        if (count % 32 == 0 || id < count)
          copy_async(to + id * 16, at_row(from + column, max(at[i], 0), stride), at[i] >= 0 && column < inside ? 16 : 0);
      }
    };
    auto load = [&](int slot) {
      const u32 to = base + slot * STAGE_BYTES;
      const int place = place_at(load_at + lane % T);
      const u64 image = (u64)load_image * length, row = image * K + k;
      int x_at[turns(X_PIECES)], d_at[turns(D_PIECES)], v_at[turns(V_PIECES)];
      places_of(Number<X_PIECES>{}, place, x_at);
      if constexpr (X_PIECES != D_PIECES) places_of(Number<D_PIECES>{}, place, d_at);
      places_of(Number<V_PIECES>{}, place, v_at);
      load_rows(x + image * channels + d0, Number<X_PIECES>{}, to, x_at, channels, channels - d0);
      if constexpr (X_PIECES == D_PIECES)
        load_rows(delta + row * channels + d0, Number<D_PIECES>{}, to + X_BYTES, x_at, K * channels, channels - d0);
      else
        load_rows(delta + row * channels + d0, Number<D_PIECES>{}, to + X_BYTES, d_at, K * channels, channels - d0);
      load_rows(values + row * (2 * N), Number<V_PIECES>{}, to + X_BYTES + D_BYTES, v_at, K * 2 * N, 2 * N);
      load_at += T;
      if (load_at >= last) { load_at = first; load_image++; }
    };
    auto store = [&](int slot) {
      const uint4* from = (const uint4*)(smem + slot * STAGE_BYTES);
      output* to = y + ((u64)store_image * length * K + k) * channels + d0;
      constexpr int count = T * X_PIECES, per = 16 / sizeof(input), batch = 4;  // pieces in registers at once
      int at[turns(X_PIECES)];
      places_of(Number<X_PIECES>{}, place_at(store_at + lane % T), at);
#pragma unroll
      for (int begin = 0; begin < turns(X_PIECES); begin += batch) {
        uint4 low[batch], high[batch];
#pragma unroll
        for (int i = begin; i < min(begin + batch, turns(X_PIECES)); i++) {
          const int id = min(lane + i * 32, count - 1);
          low[i - begin] = from[id];
          if constexpr (SPLIT) high[i - begin] = from[id + X_BYTES / 16];
        }
#pragma unroll
        for (int i = begin; i < min(begin + batch, turns(X_PIECES)); i++) {
          const int id = lane + i * 32, column = id % X_PIECES * per;
          if (at[i] >= 0 && (count % 32 == 0 || id < count) && d0 + column < channels) {
            uint4* out = (uint4*)at_row(to + column, at[i], K * channels);
            const uint4 a = low[i - begin], b = high[i - begin];
            if constexpr (SPLIT) {
              out[0] = make_uint4(__byte_perm(a.x, b.x, 0x5410), __byte_perm(a.x, b.x, 0x7632),
                                  __byte_perm(a.y, b.y, 0x5410), __byte_perm(a.y, b.y, 0x7632));
              out[1] = make_uint4(__byte_perm(a.z, b.z, 0x5410), __byte_perm(a.z, b.z, 0x7632),
                                  __byte_perm(a.w, b.w, 0x5410), __byte_perm(a.w, b.w, 0x7632));
            } else
              out[0] = a;
          }
        }
      }
      store_at += T;
      if (store_at >= last) { store_at = first; store_image++; }
    };
    // A thread stores what it loads next: y leaves a stage before x of another comes there.
    int slot = 0, parity = 1;
    for (int s = 0; s < all; s++) {
      if (s >= STAGES) {
        barrier_wait(done + slot * 8, parity);
        if constexpr (MODE == SCAN) store(slot);
      }
      load(slot);
      barrier_arrive_after_copies(full + slot * 8);
      if (++slot == STAGES) { slot = 0; parity ^= 1; }
    }
    for (int s = max(all - STAGES, 0); s < all; s++) {
      barrier_wait(done + s % STAGES * 8, s / STAGES & 1);
      if constexpr (MODE == SCAN) store(s % STAGES);
    }
    await_copies();
    return;
  }

  const int g = lane % LANES;                               // which part of the channel's states
  const int mine = warp * WARP_CHANNELS + lane / LANES;     // channel in the block
  const int d = d0 + mine;
  float rate[STATES], h[STATES], total = 0.f;
#pragma unroll
  for (int n = 0; n < STATES; n++) {
    rate[n] = decay_rate(A_logs, k, d, g * STATES + n, channels);
    h[n] = 0.f;
  }
  const float skip_weight = MODE == SCAN && d < channels && g == 0 ? skip[k * channels + d] : 0.f;

  int slot = 0, parity = 0, at = 0, image = own;
  for (int s = 0; s < all; s++) {
    barrier_wait(full + slot * 8, parity);
    if (at == 0) {
#pragma unroll
      for (int n = 0; n < STATES; n++) {
        h[n] = 0.f;
        if constexpr (STARTS)
          if (d < channels) h[n] = starts[((((u64)image * chunks + c) * K + k) * N + g * STATES + n) * channels + d];
      }
    }
    if constexpr (SAVE) {
      if ((first + at * T) % segment == 0 && d < channels) {
        const int segments = (length + segment - 1) / segment;
        const u64 row = ((u64)image * segments + (first + at * T) / segment) * K + k;
#pragma unroll
        for (int n = 0; n < STATES; n++) states[(row * N + g * STATES + n) * channels + d] = h[n];
      }
    }
    unsigned char* stage = smem + slot * STAGE_BYTES;
    input* xs = (input*)stage + mine;
    step* ds = (step*)(stage + X_BYTES) + mine;
    const float* vs = (const float*)(stage + X_BYTES + D_BYTES) + g * STATES;
#pragma unroll UNROLL
    for (int run = 0; run < T; run += RUN) {
      float part[RUN];
#pragma unroll
      for (int i = 0; i < RUN; i++) {
        float in[STATES], out[STATES];
        load_states(in, vs + (run + i) * 2 * N + (MODE == PASSES ? N : 0));
        if constexpr (MODE == SCAN) load_states(out, vs + (run + i) * 2 * N + N);
        const float u = widen<INPUT>(xs[(run + i) * CHANNELS]), dt = widen<STEP>(ds[(run + i) * CHANNELS]);
        const float source = MODE == PASSES ? u : dt * u;
        if constexpr (MODE != SCAN) total += dt;
        part[i] = skip_weight * u;
#pragma unroll
        for (int n = 0; n < STATES; n++) {
          const float decay = exp2_fast(dt * rate[n]);
          if constexpr (MODE == PASSES) h[n] = decay * fmaf(source, in[n], h[n]);
          else h[n] = fmaf(decay, h[n], source * in[n]);
          if constexpr (MODE == SCAN) part[i] = fmaf(h[n], out[n], part[i]);
        }
      }
      if constexpr (MODE == SCAN) {
        int offset = 0;
#pragma unroll
        for (int bit = 1, half = RUN / 2; bit < LANES; bit *= 2, half /= 2) {
          const bool upper = g & bit;
          offset += upper ? half : 0;
#pragma unroll
          for (int i = 0; i < half; i++) {
            const float give = upper ? part[i] : part[i + half], keep = upper ? part[i + half] : part[i];
            part[i] = keep + from_lane(give, bit);
          }
        }
        const int to = (run + offset) * CHANNELS;
        if constexpr (SPLIT) {
          const u32 bits = __float_as_uint(part[0]);
          xs[to] = (u16)bits;
          ds[to] = (u16)(bits >> 16);
        } else
          xs[to] = narrow<INPUT>(part[0]);
      }
    }
    __syncwarp();
    if (lane == 0) barrier_arrive(done + slot * 8);
    if (++slot == STAGES) { slot = 0; parity ^= 1; }
    if (++at == image_stages) {
      if constexpr (MODE != SCAN) {
        const u64 row = ((u64)image * chunks + c) * K + k;
        if (d < channels) {
#pragma unroll
          for (int n = 0; n < STATES; n++) ends[(row * N + g * STATES + n) * channels + d] = h[n];
          if (g == 0) sums[row * channels + d] = total;
        }
        total = 0.f;
      }
      at = 0;
      image++;
    }
  }
}
