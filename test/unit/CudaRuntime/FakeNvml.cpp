//===- FakeNvml.cpp - An NVML of one GPU, at bus 0000:0A:00.0 -------------===//

#include <cstring>

static int device;

extern "C" int nvmlInit_v2() { return 0; }
extern "C" int nvmlDeviceGetHandleByPciBusId_v2(const char *bus,
                                                void **handle) {
  *handle = &device;
  return std::strcmp(bus, "0000:0A:00.0") == 0 ? 0 : 6;
}
extern "C" int
nvmlDeviceGetTotalEnergyConsumption(void *handle,
                                    unsigned long long *millijoules) {
  *millijoules = 1234567;
  return handle == &device ? 0 : 1;
}
