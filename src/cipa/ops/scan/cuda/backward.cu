// The selective scan of a map, backwards.
//
//   g_l = C_l dy_l + p_{l+1}     dC_l = sum_d h_l dy_l     dB_l = sum_d g_l delta_l u_l     p_l = exp(delta_l A) g_l
//   q_l = sum_n g_l B_l          du_l = delta_l q_l + skip dy_l          ddelta_l = sum_n A h_{l-1} p_l + u_l q_l
//
// A block walks a chunk of one direction of `each` images, one after the other, for CHANNELS channels. It takes the
// chunk's segments of SEGMENT positions last first. A segment's first state is known (`states`); the block replays the
// segment, leaving the state before every TILE-th position in `scratch`, which stays in the cache, and then takes its
// stages of T positions last first, TILE positions at a time: their states and exponentials are made again, stay in
// registers, and serve the walk back over them. So an exponential is made twice.
//
// A lane has two channels and STATES of their N states, LANES lanes share these channels: the sums over channels, the
// largest part of the work beside the states, begin inside a lane. Then they go over the warp's lanes by halves and over
// the block's warps in shared memory, for one barrier a stage. Over blocks they are added outside, in a fixed order: no
// atomic addition. With LANES of more than 1 the lanes of a pair of channels have these in turned order (`swap`), so
// that their sums over lanes need no selects.
//
// dx and the gradient of the step before softplus take the places of x and delta in the stage and leave from there.
//
// Letters: B images, H x W map, L = H W positions, K directions, D channels, N states, S chunks.
constexpr int PAIR = 2;                                                 // channels of a lane
constexpr int THREADS = WARPS * 32, STATES = N / LANES;
constexpr int WARP_CHANNELS = 32 / LANES * PAIR, CHANNELS = WARPS * WARP_CHANNELS;
constexpr int TILES = T / TILE, KEPT = PAIR * STATES / 4;               // of a stage; float4 of a lane's states
using input = Element<INPUT>::type;
using upstream = Element<UPSTREAM>::type;

constexpr int X_PIECES = CHANNELS * sizeof(input) / 16, Y_PIECES = CHANNELS * sizeof(upstream) / 16;
constexpr int V_PIECES = 2 * N * 4 / 16;
constexpr int X_BYTES = T * X_PIECES * 16, Y_BYTES = T * Y_PIECES * 16, V_BYTES = T * V_PIECES * 16;
constexpr int Y_AT = 2 * X_BYTES, V_AT = Y_AT + Y_BYTES, STAGE_BYTES = V_AT + V_BYTES;  // x, delta, dy, B and C
constexpr int SUMS_AT = STAGES * STAGE_BYTES, SUMS_BYTES = WARPS * T * 2 * N * 4;       // two, in turns
constexpr int PLACES_AT = SUMS_AT + 2 * SUMS_BYTES, PLACES = STAGES + 2;                // T places of a visit
constexpr int turns(int pieces) { return (T * pieces + THREADS - 1) / THREADS; }  // of a block that moves so many a position
static_assert(PAIR * STATES % 4 == 0 && T % TILE == 0 && T <= 32 && (LANES == 1 || TILE % 2 == 0), "layout");
static_assert(STATES == 4 && (LANES == 1 || LANES == 4), "the sums over lanes are written for these");

struct Visit { int image, segment, back, stage; };  // of a stage, in the replay or in the backward pass

// Two channels of a position, in the lane's order.
template <int kind>
__device__ __forceinline__ void load_pair(float (&to)[PAIR], const typename Element<kind>::type* from, int swap) {
  if constexpr (kind == FLOAT32) {
    to[0] = from[swap];
    to[1] = from[swap ^ 1];
  } else {
    const u32 both = *(const u32*)from;
    if constexpr (kind == BFLOAT16) {
      to[0] = __uint_as_float(__byte_perm(both, 0, swap ? 0x3244u : 0x1044u));
      to[1] = __uint_as_float(__byte_perm(both, 0, swap ? 0x1044u : 0x3244u));
    } else {
      to[0] = from_half((u16)(swap ? both >> 16 : both));
      to[1] = from_half((u16)(swap ? both : both >> 16));
    }
  }
}

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) scan_backward(
    const input* __restrict__ x, const input* __restrict__ delta, const float* __restrict__ values,
    const upstream* __restrict__ dy, const float* __restrict__ A_logs, const float* __restrict__ skip,
    const float* __restrict__ states, const float* __restrict__ passes, float4* scratch, input* __restrict__ dx,
    input* __restrict__ d_raw, float* __restrict__ dvalues, float* __restrict__ dA_logs, float* __restrict__ dbias,
    float* __restrict__ dskip, int images, int each, int height, int width, int channels, int chunk, int chunks,
    int directions) {
  extern __shared__ __align__(128) unsigned char smem[];
  const int tid = threadIdx.x, lane = tid % 32, warp = tid / 32;
  const int g = lane % LANES, cg = lane / LANES, swap = LANES > 1 ? g & 1 : 0;
  const int blocks = (channels + CHANNELS - 1) / CHANNELS;
  const int block = blockIdx.x % blocks;
  const int k = blockIdx.x / blocks % K;
  const int c = blockIdx.x / (blocks * K) % chunks;
  const int group = blockIdx.x / (blocks * K * chunks);
  const int direction = directions >> 2 * k & 3;
  const int length = height * width, segments = (length + SEGMENT - 1) / SEGMENT;
  const int first = c * chunk, last = min(first + chunk, length);
  const int first_segment = first / SEGMENT, last_segment = (last - 1) / SEGMENT;
  const int d0 = block * CHANNELS, mine = warp * WARP_CHANNELS + cg * PAIR;
  int* places = (int*)(smem + PLACES_AT);
  const u32 base = shared_address(smem);
  const int own = group * each, end = min(own + each, images);
  scratch += (u64)blockIdx.x * (SEGMENT / TILE * KEPT) * THREADS + tid;

  auto stages_of = [&](int segment) { return (min(SEGMENT, last - segment * SEGMENT) + T - 1) / T; };
  auto advance = [&](Visit& v) {
    if (!v.back) {
      if (++v.stage == stages_of(v.segment)) {
        v.back = 1;
        v.stage--;
      }
    } else if (--v.stage < 0) {
      v.back = v.stage = 0;
      if (--v.segment < first_segment) {
        v.segment = last_segment;
        v.image++;
      }
    }
  };
  auto note_place = [&](const Visit& v, int row, int t) {
    const int l = v.segment * SEGMENT + v.stage * T + t;
    places[row * T + t] = l < last ? place_of(l, direction, height, width) : -1;
  };
  // The places of the rows whose pieces this thread moves, all read before the first copy, which lets nothing pass.
  auto places_of = [&](auto pieces, const int* at, auto& to) {
#pragma unroll
    for (int i = 0; i < turns(pieces.value); i++) to[i] = at[min(tid + i * THREADS, T * pieces.value - 1) / pieces.value];
  };
  // Rows of a stage, one a position, as in forward.cu but by all threads of the block.
  auto load_rows = [&](auto* from, auto pieces, u32 to, auto& at, int stride, int inside) {
    constexpr int per = 16 / sizeof(*from), count = T * pieces.value;
#pragma unroll
    for (int i = 0; i < turns(pieces.value); i++) {
      const int id = tid + i * THREADS, column = id % pieces.value * per;
      if (count % THREADS == 0 || id < count)
        copy_async(to + id * 16, at_row(from + column, max(at[i], 0), stride), at[i] >= 0 && column < inside ? 16 : 0);
    }
  };
  auto load = [&](const Visit& v, int row, int slot) {
    const u32 to = base + slot * STAGE_BYTES;
    const u64 image = (u64)v.image * length, walk = image * K + k;
    int x_at[turns(X_PIECES)], y_at[turns(Y_PIECES)], v_at[turns(V_PIECES)];
    places_of(Number<X_PIECES>{}, places + row * T, x_at);
    places_of(Number<Y_PIECES>{}, places + row * T, y_at);
    places_of(Number<V_PIECES>{}, places + row * T, v_at);
    load_rows(x + image * channels + d0, Number<X_PIECES>{}, to, x_at, channels, channels - d0);
    load_rows(delta + walk * channels + d0, Number<X_PIECES>{}, to + X_BYTES, x_at, K * channels, channels - d0);
    if (v.back) load_rows(dy + image * channels + d0, Number<Y_PIECES>{}, to + Y_AT, y_at, channels, channels - d0);
    load_rows(values + walk * (2 * N), Number<V_PIECES>{}, to + V_AT, v_at, K * 2 * N, 2 * N);
  };
  // What a visit in the backward pass has left: dx and d_raw in the stage, the sums over channels a part for each warp.
  auto store = [&](const Visit& v, int row, int slot, int half) {
    const uint4* from = (const uint4*)(smem + slot * STAGE_BYTES);
    const u64 walk = (u64)v.image * length * K + k;
    constexpr int count = T * X_PIECES, per = 16 / sizeof(input);
    int x_at[turns(X_PIECES)], v_at[turns(V_PIECES)];
    places_of(Number<X_PIECES>{}, places + row * T, x_at);
    places_of(Number<V_PIECES>{}, places + row * T, v_at);
#pragma unroll
    for (int i = 0; i < turns(X_PIECES); i++) {
      const int id = tid + i * THREADS, column = id % X_PIECES * per;
      if ((count % THREADS == 0 || id < count) && x_at[i] >= 0 && d0 + column < channels) {
        const uint4 du = from[id], dt = from[id + count];
        *(uint4*)at_row(dx + walk * channels + d0 + column, x_at[i], K * channels) = du;
        *(uint4*)at_row(d_raw + walk * channels + d0 + column, x_at[i], K * channels) = dt;
      }
    }
    const float4* sums = (const float4*)(smem + SUMS_AT + half * SUMS_BYTES);
    constexpr int quads = T * V_PIECES;
#pragma unroll
    for (int i = 0; i < turns(V_PIECES); i++) {
      const int id = tid + i * THREADS;
      if (quads % THREADS == 0 || id < quads) {
        float4 a = sums[id];
#pragma unroll
        for (int w = 1; w < WARPS; w++) {
          const float4 b = sums[w * quads + id];
          a.x += b.x; a.y += b.y; a.z += b.z; a.w += b.w;
        }
        float* row_of = dvalues + (walk * blocks + block) * (2 * N) + id % V_PIECES * 4;
        if (v_at[i] >= 0) *(float4*)at_row(row_of, v_at[i], K * blocks * 2 * N) = a;
      }
    }
  };

  Visit now = {own, last_segment, 0, 0}, loading = now, noted = now, before = now;
  for (int s = 0; s < STAGES; s++) {
    if (tid < T) note_place(noted, s, tid);
    advance(noted);
  }
  __syncthreads();
#pragma unroll 1
  for (int s = 0; s < STAGES - 1; s++) {
    if (loading.image < end) load(loading, s, s);
    advance(loading);
    close_group();
  }

  float rate[PAIR][STATES], h[PAIR][STATES], passed[PAIR][STATES], da[PAIR][STATES];
#pragma unroll
  for (int j = 0; j < PAIR; j++)
#pragma unroll
    for (int n = 0; n < STATES; n++) {
      rate[j][n] = decay_rate(A_logs, k, d0 + mine + (j ^ swap), g * STATES + n, channels);
      h[j][n] = passed[j][n] = da[j][n] = 0.f;
    }
  // The channels whose sums over lanes this lane ends with: with LANES of 1 both.
  constexpr int OWN = LANES > 1 ? 1 : PAIR;
  float skip_weight[OWN], dskip_sum[OWN], dbias_sum[OWN];
#pragma unroll
  for (int j = 0; j < OWN; j++) {
    const int d = d0 + mine + (LANES > 1 ? swap : j);
    skip_weight[j] = d < channels ? skip[k * channels + d] : 0.f;
    dskip_sum[j] = dbias_sum[j] = 0.f;
  }
  // Where the lane's sum over channels goes: by halves over three bits of cg each lane ends with one of 8 values.
  const bool b0 = cg & 1, b1 = cg & 2, b2 = cg & 4, upper = LANES > 2 && (g & 2);
  const int sum_column = (b0 ? N : 0) + g * STATES + (b1 ? 2 : 0) + (b2 ? 1 : 0);
  float4 kept[KEPT];

  int slot = 0, row = 0, loading_row = STAGES - 1, noting_row = STAGES % PLACES, visit = 0;
  while (now.image < end) {
    await_groups<STAGES - 2>();
    __syncthreads();
    const int slot_before = slot == 0 ? STAGES - 1 : slot - 1;
    const int row_before = row == 0 ? PLACES - 1 : row - 1;
    if (visit > 0 && before.back) store(before, row_before, slot_before, (visit - 1) & 1);
    keep_order();
    if (loading.image < end) load(loading, loading_row, slot_before);
    advance(loading);
    loading_row = loading_row + 1 == PLACES ? 0 : loading_row + 1;
    close_group();
    if (warp == visit % WARPS && lane < T) note_place(noted, noting_row, lane);
    advance(noted);
    noting_row = noting_row + 1 == PLACES ? 0 : noting_row + 1;

    unsigned char* stage = smem + slot * STAGE_BYTES;
    input* xs = (input*)stage + mine;
    input* ds = (input*)(stage + X_BYTES) + mine;
    const upstream* ys = (const upstream*)(stage + Y_AT) + mine;
    const float* vs = (const float*)(stage + V_AT) + g * STATES;
    if (!now.back) {
      if (now.stage == 0) {
#pragma unroll
        for (int j = 0; j < PAIR; j++)
#pragma unroll
          for (int n = 0; n < STATES; n++) {
            const int d = d0 + mine + (j ^ swap);
            const u64 at = (((u64)now.image * segments + now.segment) * K + k) * N + g * STATES + n;
            h[j][n] = SAVED && d < channels ? states[at * channels + d] : 0.f;
          }
      }
#pragma unroll 1
      for (int tile = 0; tile < TILES; tile++) {
#pragma unroll
        for (int i = 0; i < KEPT; i++) {
          const float* f = &h[0][0] + 4 * i;
          scratch[((now.stage * TILES + tile) * KEPT + i) * THREADS] = make_float4(f[0], f[1], f[2], f[3]);
        }
#pragma unroll
        for (int i = 0; i < TILE; i++) {
          const int l = tile * TILE + i;
          float u[PAIR], dt[PAIR], in[STATES];
          load_pair<INPUT>(u, xs + l * CHANNELS, swap);
          load_pair<INPUT>(dt, ds + l * CHANNELS, swap);
          load_states(in, vs + l * 2 * N);
#pragma unroll
          for (int j = 0; j < PAIR; j++) {
            const float source = dt[j] * u[j];
#pragma unroll
            for (int n = 0; n < STATES; n++) h[j][n] = fmaf(exp2_fast(dt[j] * rate[j][n]), h[j][n], source * in[n]);
          }
        }
      }
    } else {
      const int tile_before = now.stage * TILES;
      if (now.stage == stages_of(now.segment) - 1) {
#pragma unroll
        for (int i = 0; i < KEPT; i++) kept[i] = scratch[((tile_before + TILES - 1) * KEPT + i) * THREADS];
        if (now.segment == last_segment) {
#pragma unroll
          for (int j = 0; j < PAIR; j++)
#pragma unroll
            for (int n = 0; n < STATES; n++) {
              const int d = d0 + mine + (j ^ swap);
              const u64 at = (((u64)now.image * chunks + c) * K + k) * N + g * STATES + n;
              passed[j][n] = PASSED && d < channels ? passes[at * channels + d] : 0.f;
            }
        }
      }
      float* sums = (float*)(smem + SUMS_AT + (visit & 1) * SUMS_BYTES) + warp * T * 2 * N + sum_column;
#pragma unroll 1
      for (int tile = TILES - 1; tile >= 0; tile--) {
        float hs[TILE + 1][PAIR][STATES], decay[TILE][PAIR][STATES];
        float u[TILE][PAIR], dt[TILE][PAIR], up[TILE][PAIR], source[TILE][PAIR];
#pragma unroll
        for (int i = 0; i < KEPT; i++) {
          float* f = &hs[0][0][0] + 4 * i;
          f[0] = kept[i].x; f[1] = kept[i].y; f[2] = kept[i].z; f[3] = kept[i].w;
          // Asked for here: the compiler would read it just before the next tile, which then waits (8 % of the time).
          kept[i] = load_now(scratch + (max(tile_before + tile - 1, 0) * KEPT + i) * THREADS);
        }
#pragma unroll
        for (int i = 0; i < TILE; i++) {
          const int l = tile * TILE + i;
          float in[STATES];
          load_pair<INPUT>(u[i], xs + l * CHANNELS, swap);
          load_pair<INPUT>(dt[i], ds + l * CHANNELS, swap);
          load_pair<UPSTREAM>(up[i], ys + l * CHANNELS, swap);
          load_states(in, vs + l * 2 * N);
#pragma unroll
          for (int j = 0; j < PAIR; j++) {
            source[i][j] = dt[i][j] * u[i][j];
#pragma unroll
            for (int n = 0; n < STATES; n++) {
              decay[i][j][n] = exp2_fast(dt[i][j] * rate[j][n]);
              hs[i + 1][j][n] = fmaf(decay[i][j][n], hs[i][j][n], source[i][j] * in[n]);
            }
          }
        }
        float qs[TILE][OWN], ss[TILE][OWN];
#pragma unroll
        for (int i = TILE - 1; i >= 0; i--) {
          const int l = tile * TILE + i;
          float in[STATES], out[STATES], db[STATES], dc[STATES], q[PAIR], s[PAIR];
          load_states(in, vs + l * 2 * N);
          load_states(out, vs + l * 2 * N + N);
#pragma unroll
          for (int j = 0; j < PAIR; j++) {
#pragma unroll
            for (int n = 0; n < STATES; n++) {
              const float gradient = fmaf(up[i][j], out[n], passed[j][n]);
              db[n] = j == 0 ? gradient * source[i][j] : fmaf(gradient, source[i][j], db[n]);
              dc[n] = j == 0 ? hs[i + 1][j][n] * up[i][j] : fmaf(hs[i + 1][j][n], up[i][j], dc[n]);
              q[j] = n == 0 ? gradient * in[n] : fmaf(gradient, in[n], q[j]);
              passed[j][n] = decay[i][j][n] * gradient;
              const float carried = hs[i][j][n] * passed[j][n];
              s[j] = n == 0 ? carried * rate[j][n] : fmaf(carried, rate[j][n], s[j]);
              da[j][n] = fmaf(dt[i][j], carried, da[j][n]);
            }
          }
          if constexpr (LANES > 1) {
            qs[i][0] = q[0] + from_lane(q[1], 1);
            ss[i][0] = s[0] + from_lane(s[1], 1);
          } else {
#pragma unroll
            for (int j = 0; j < OWN; j++) { qs[i][j] = q[j]; ss[i][j] = s[j]; }
          }
          float v[4];
#pragma unroll
          for (int n = 0; n < 4; n++) v[n] = (b0 ? dc[n] : db[n]) + from_lane(b0 ? db[n] : dc[n], LANES);
#pragma unroll
          for (int n = 0; n < 2; n++) v[n] = (b1 ? v[n + 2] : v[n]) + from_lane(b1 ? v[n] : v[n + 2], 2 * LANES);
          v[0] = (b2 ? v[1] : v[0]) + from_lane(b2 ? v[0] : v[1], 4 * LANES);
#pragma unroll
          for (int bit = 8 * LANES; bit < 32; bit *= 2) v[0] += from_lane(v[0], bit);
          if (LANES == 4 || cg < 8) sums[l * 2 * N] = v[0];
        }
        __syncwarp();
        constexpr int ENDED = LANES > 1 ? TILE / 2 : TILE;  // positions whose gradients this lane writes
        if constexpr (LANES > 1) {
#pragma unroll
          for (int i = 0; i < ENDED; i++) {
            const int o = i + ENDED;
            qs[i][0] = (upper ? qs[o][0] : qs[i][0]) + from_lane(upper ? qs[i][0] : qs[o][0], 2);
            ss[i][0] = (upper ? ss[o][0] : ss[i][0]) + from_lane(upper ? ss[i][0] : ss[o][0], 2);
            u[i][0] = upper ? u[o][0] : u[i][0];
            dt[i][0] = upper ? dt[o][0] : dt[i][0];
            up[i][0] = upper ? up[o][0] : up[i][0];
          }
        }
        const int at = tile * TILE + (upper ? ENDED : 0);
#pragma unroll
        for (int i = 0; i < ENDED; i++)
#pragma unroll
          for (int j = 0; j < OWN; j++) {
            float gradient = fmaf(ss[i][j], LN2, u[i][j] * qs[i][j]);
            gradient *= 1.f - exp2_fast(-LOG2E * dt[i][j]);  // the derivative of softplus, from its value
            dskip_sum[j] = fmaf(up[i][j], u[i][j], dskip_sum[j]);
            dbias_sum[j] += gradient;
            const int to = (at + i) * CHANNELS + (LANES > 1 ? swap : j);
            xs[to] = narrow<INPUT>(fmaf(dt[i][j], qs[i][j], skip_weight[j] * up[i][j]));
            ds[to] = narrow<INPUT>(gradient);
          }
      }
    }
    before = now;
    advance(now);
    slot = slot + 1 == STAGES ? 0 : slot + 1;
    row = row + 1 == PLACES ? 0 : row + 1;
    visit++;
  }
  await_groups<0>();
  __syncthreads();
  store(before, row == 0 ? PLACES - 1 : row - 1, slot == 0 ? STAGES - 1 : slot - 1, (visit - 1) & 1);

  const u64 at = ((u64)group * chunks + c) * K + k;
#pragma unroll
  for (int j = 0; j < PAIR; j++)
#pragma unroll
    for (int n = 0; n < STATES; n++) {
      const int d = d0 + mine + (j ^ swap);
      if (d < channels) dA_logs[(at * N + g * STATES + n) * channels + d] = da[j][n] * rate[j][n] * LN2;
    }
#pragma unroll
  for (int j = 0; j < OWN; j++) {
    if constexpr (LANES > 1) {
      dskip_sum[j] += from_lane(dskip_sum[j], 2);
      dbias_sum[j] += from_lane(dbias_sum[j], 2);
    }
    const int d = d0 + mine + (LANES > 1 ? swap : j);
    if (d < channels && g < 2) {
      dskip[at * channels + d] = dskip_sum[j];
      dbias[at * channels + d] = dbias_sum[j];
    }
  }
}
