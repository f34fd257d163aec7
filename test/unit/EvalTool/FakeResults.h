//===- FakeResults.h - What an executable might say -------------*- C++ -*-===//

#ifndef QZC_TEST_UNIT_EVALTOOL_FAKERESULTS_H
#define QZC_TEST_UNIT_EVALTOOL_FAKERESULTS_H

#include "Results.h"

namespace qzc::evaltool {

/// SHA-256 of "some text\n".
inline const char *const kTextSha256 =
    "a23e5fdcd7b276bdd81aa1a0b7b963101863dd3f61ff57935f8c5ba462681ea6";

inline Json fakeInfo(const std::string &selection = "--quantize=nf4",
                     int64_t positions = 2048) {
  return {
      {"producer", "qzc 0.1.0"},
      {"model", {{"name", "tiny"}, {"context", positions}, {"bos", 1}}},
      {"selection", selection},
      {"tensors", Json::array({{{"scheme", "nf4"}}})},
      {"stored_as",
       Json::array({{{"storage", "nf4/64"}}, {{"storage", "bf16"}}})},
      {"memory",
       {{"imported", {{"packed_bytes", 269060552}}},
        {"stored", {{"packed_bytes", 116400000}}}}},
      {"file_bytes", 123456789},
  };
}

inline Json fakeBench() {
  return {{"prefill_tok_s", 729.04}, {"prefill_tok_s_sd", 3.16},
          {"decode_tok_s", 93.25},   {"decode_tok_s_sd", 0.5},
          {"load_seconds", 0.1234},  {"rss_peak_mb", 512.34},
          {"gpu_mb", 0.0},           {"device", "CPU (fake, 2 threads)"}};
}

inline Json fakeScore() {
  return {{"perplexity", 17.12345},
          {"perplexity_error", 0.0567},
          {"bits_per_byte", 0.98765},
          {"bits_per_byte_error", 0.00123},
          {"protocol", "windows"},
          {"context", 1024},
          {"bos", "none"},
          {"tokens_scored", 65472},
          {"text_sha256", kTextSha256},
          {"seconds", 12.5}};
}

} // namespace qzc::evaltool

#endif // QZC_TEST_UNIT_EVALTOOL_FAKERESULTS_H
