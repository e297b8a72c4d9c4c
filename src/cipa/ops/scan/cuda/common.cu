// What the scan's kernels share: elements of three types, places of a walk, sums over lanes.

template <int kind> struct Element { using type = u16; };
template <> struct Element<FLOAT32> { using type = float; };

template <int kind>
__device__ __forceinline__ float widen(typename Element<kind>::type v) {
  if constexpr (kind == FLOAT32) return v;
  else if constexpr (kind == FLOAT16) return from_half(v);
  else return __uint_as_float((u32)v << 16);
}

template <int kind>
__device__ __forceinline__ typename Element<kind>::type narrow(float v) {
  if constexpr (kind == FLOAT32) return v;
  else if constexpr (kind == FLOAT16) return to_half(v);
  else return to_bfloat(v);
}

__device__ __forceinline__ float from_lane(float v, int mask) { return __shfl_xor_sync(0xffffffffu, v, mask); }

// The raster index at a position of a direction: 0 row by row, 1 column by column, 2 and 3 these reversed.
__device__ __forceinline__ int place_of(int position, int direction, int height, int width) {
  int p = direction < 2 ? position : height * width - 1 - position;
  if (direction & 1) {
    const int column = p / height;
    p = (p - column * height) * width + column;
  }
  return p;
}

// Where a row begins, `stride` elements each: in bytes, which is one multiplication and addition.
template <typename type>
__device__ __forceinline__ type* at_row(type* from, int row, int stride) {
  return (type*)((char*)from + (u64)(u32)row * (u32)(stride * (int)sizeof(type)));
}

// A log2(e) of a channel's state, A = -exp(A_logs): the hardware's exponential is a power of two. A channel
// beyond the last has 0: its state, which starts at zero and gets nothing, stays there.
__device__ __forceinline__ float decay_rate(const float* A_logs, int k, int d, int n, int channels) {
  return d < channels ? -LOG2E * expf(A_logs[((u64)k * channels + d) * N + n]) : 0.f;
}

// STATES of B or C from shared memory, four at once where there are as many.
template <int count>
__device__ __forceinline__ void load_states(float (&to)[count], const float* from) {
  if constexpr (count % 4 == 0) {
#pragma unroll
    for (int n = 0; n < count; n += 4) {
      const float4 v = *(const float4*)(from + n);
      to[n] = v.x; to[n + 1] = v.y; to[n + 2] = v.z; to[n + 3] = v.w;
    }
  } else if constexpr (count == 2) {
    const float2 v = *(const float2*)from;
    to[0] = v.x; to[1] = v.y;
  } else {
#pragma unroll
    for (int n = 0; n < count; n++) to[n] = from[n];
  }
}

template <int number> struct Number { static constexpr int value = number; };  // a constant as an argument
