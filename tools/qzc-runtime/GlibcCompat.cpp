//===- GlibcCompat.cpp - What GCC's static runtime wants of a new glibc ---===//
//
// libgcc_eh.a of GCC 12 finds unwind tables through _dl_find_object, which
// glibc has only since 2.35; compiled models are to start on 2.34. This gives
// the same answer through dl_iterate_phdr, which every glibc has. It is seen by
// the executable's own (static) unwinder alone.
//
//===----------------------------------------------------------------------===//

#include <cstdint>
#include <dlfcn.h>
#include <link.h>

namespace {
struct Search {
  ElfW(Addr) address;
  struct dl_find_object *result;
  bool found;
};
} // namespace

/// Fills in the search's result if `info` is the object with its address.
static int visit(struct dl_phdr_info *info, size_t, void *context) {
  auto &search = *static_cast<Search *>(context);
  ElfW(Addr) begin = UINTPTR_MAX;
  ElfW(Addr) end = 0;
  ElfW(Addr) unwind = 0;
  bool inside = false;
  for (ElfW(Half) index = 0; index != info->dlpi_phnum; ++index) {
    const ElfW(Phdr) &header = info->dlpi_phdr[index];
    ElfW(Addr) first = info->dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_GNU_EH_FRAME)
      unwind = first;
    if (header.p_type != PT_LOAD)
      continue;
    ElfW(Addr) last = first + header.p_memsz;
    begin = first < begin ? first : begin;
    end = last > end ? last : end;
    inside = inside || (search.address >= first && search.address < last);
  }
  if (!inside)
    return 0;
  search.found = unwind != 0;
  *search.result = {};
  search.result->dlfo_map_start = reinterpret_cast<void *>(begin);
  search.result->dlfo_map_end = reinterpret_cast<void *>(end);
  search.result->dlfo_eh_frame = reinterpret_cast<void *>(unwind);
  return 1;
}

extern "C" __attribute__((visibility("hidden"))) int
_dl_find_object(void *address, struct dl_find_object *result) noexcept {
  Search search = {reinterpret_cast<ElfW(Addr)>(address), result, false};
  dl_iterate_phdr(visit, &search);
  return search.found ? 0 : -1;
}
