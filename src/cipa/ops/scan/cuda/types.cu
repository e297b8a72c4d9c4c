// Types of the scan's kernels. No header is included: NVRTC finds none on a user's machine.
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;

constexpr int BFLOAT16 = 0, FLOAT16 = 1, FLOAT32 = 2;
constexpr float LOG2E = 1.4426950408889634f, LN2 = 0.6931471805599453f;
