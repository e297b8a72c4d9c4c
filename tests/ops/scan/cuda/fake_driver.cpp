// Stands in for libcuda: keeps what it was asked, fails where it is told to.
#include <cstddef>
#include <cstring>

extern "C" {
int load_fails = 0, launch_fails = 0, depth = 0, capture_mode = 0, relaxed_at_load = 0;
int attributes[16];
unsigned launched[8];
size_t argument_bytes = 0;
char arguments[4096], name[64];
void *stream_seen = nullptr, *context_at_launch = nullptr, *contexts[8];

int cuInit(unsigned) { return 0; }
int cuDeviceGet(int* device, int index) { *device = 100 + index; return 0; }
int cuDevicePrimaryCtxRetain(void** context, int device) { *context = (void*)(size_t)(0x7f0000000000 + device); return 0; }
int cuCtxPushCurrent_v2(void* context) { contexts[depth++] = context; return 0; }
int cuCtxPopCurrent_v2(void** context) { *context = contexts[--depth]; return 0; }
int cuThreadExchangeStreamCaptureMode(int* mode) { int before = capture_mode; capture_mode = *mode; *mode = before; return 0; }
int cuModuleLoadData(void** module, const void* image) {
  relaxed_at_load = capture_mode == 2 && depth == 1;
  *module = (void*)image;
  return load_fails;
}
int cuModuleGetFunction(void** function, void* module, const char* asked) {
  strncpy(name, asked, sizeof name - 1);
  *function = (char*)module + 1;
  return 0;
}
int cuFuncSetAttribute(void*, int attribute, int value) { attributes[attribute] = value; return 0; }
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* count, void*, int threads, size_t bytes) {
  *count = (int)(threads + bytes);
  return 0;
}
int cuLaunchKernel(void*, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
                   void* stream, void** parameters, void** extra) {
  unsigned seen[] = {gx, gy, gz, bx, by, bz, shared, parameters == nullptr};
  memcpy(launched, seen, sizeof seen);
  stream_seen = stream;
  context_at_launch = depth ? contexts[depth - 1] : nullptr;
  if ((size_t)extra[0] != 1 || (size_t)extra[2] != 2 || extra[4] != nullptr) return 1;
  argument_bytes = *(size_t*)extra[3];
  memcpy(arguments, extra[1], argument_bytes);
  return launch_fails;
}
int cuGetErrorString(int code, const char** text) { *text = code == 209 ? "no kernel image is available" : "invalid argument"; return 0; }
}
