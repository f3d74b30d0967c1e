#include "answer.h"

#include "request.h"

namespace runner {
namespace {

constexpr size_t kLongestError = 4000;

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text.substr(0, kLongestError)) {
        if (c == '"' || c == '\\') out += '\\';
        out += c == '\n' || c == '\t' ? ' ' : c < 0x20 || c > 0x7e ? '?' : c;
    }
    return out + "\"";
}

std::string base64(const std::vector<float>& numbers) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto* bytes = reinterpret_cast<const unsigned char*>(numbers.data());
    const size_t size = numbers.size() * sizeof(float);
    std::string text;
    text.reserve((size + 2) / 3 * 4);
    for (size_t i = 0; i < size; i += 3) {
        const auto byte = [&](size_t at) { return at < size ? uint32_t{bytes[at]} : 0; };
        const uint32_t three = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
        text += digits[three >> 18];
        text += digits[three >> 12 & 63];
        text += i + 1 < size ? digits[three >> 6 & 63] : '=';
        text += i + 2 < size ? digits[three & 63] : '=';
    }
    return text;
}

std::string or_null(const std::optional<int64_t>& number) {
    return number ? std::to_string(*number) : "null";
}

// The values of a list, with commas between them.
template <typename Values, typename Written>
std::string list(const Values& values, Written written) {
    std::string text;
    for (const auto& value : values) {
        if (!text.empty()) text += ", ";
        text += written(value);
    }
    return "[" + text + "]";
}

std::string begin(const std::string& id, const char* status) {
    return "{\"schema_version\": " + std::to_string(kPlainVersion) + ", \"id\": " + quoted(id) +
           ", \"status\": \"" + status + "\", ";
}

}  // namespace

std::string answer_of(const std::string& id, const Measured& measured) {
    const auto number = [](int64_t value) { return std::to_string(value); };
    const auto golden = [](const auto& pair) {
        return "{\"index\": " + std::to_string(pair.first) + ", \"logits\": \"" +
               base64(pair.second) + "\"}";
    };
    return begin(id, "ok") + "\"error\": null, \"runner\": {\"name\": \"native\", \"version\": \"" +
           RUNNER_VERSION + "\", \"runtime\": \"ExecuTorch\", \"runtime_version\": \"" +
           EXECUTORCH_VERSION + "\"}, \"load_ns\": " + std::to_string(measured.load_ns) +
           ", \"first_ns\": " + std::to_string(measured.first_ns) +
           ", \"iterations_ns\": " + list(measured.iterations_ns, number) +
           ", \"thermal_before\": null, \"thermal_after\": null, \"memory_before_bytes\": " +
           or_null(measured.memory_before_bytes) +
           ", \"memory_peak_bytes\": " + or_null(measured.memory_peak_bytes) +
           ", \"logits\": " + list(measured.logits, golden) + "}\n";
}

std::string failed_answer(const std::string& id, Kind kind, const std::string& text) {
    return begin(id, "error") + "\"error\": {\"kind\": \"" + word(kind) +
           "\", \"text\": " + quoted(text) +
           "}, \"runner\": null, \"load_ns\": null, \"first_ns\": null, \"iterations_ns\": [], "
           "\"thermal_before\": null, \"thermal_after\": null, \"memory_before_bytes\": null, "
           "\"memory_peak_bytes\": null, \"logits\": []}\n";
}

}  // namespace runner
