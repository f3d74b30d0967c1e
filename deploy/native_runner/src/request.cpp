#include "request.h"

#include <algorithm>
#include <set>

#include "arguments.h"
#include "error.h"
#include "json.h"

namespace runner {
namespace {

constexpr int64_t kMostRuns = 1'000'000;
constexpr int64_t kMostIndex = (int64_t{1} << 31) - 1;
// 256 MiB of float32, far more than a photo's.
constexpr int64_t kMostElements = int64_t{64} << 20;

DeviceFile file_of(const Fields& fields) {
    DeviceFile file{fields.text("file"), fields.text("sha256")};
    if (!is_name(file.name)) fields.refuse("file", "is not of the form it must have");
    if (file.sha256.size() != 64 ||
        file.sha256.find_first_not_of("0123456789abcdef") != std::string::npos) {
        fields.refuse("sha256", "is not of the form it must have");
    }
    return file;
}

std::string format_of(const Fields& artifact) {
    const std::string& format = artifact.text("format");
    const std::string& backend = artifact.text("backend");
    const std::pair<const char*, const char*> runs[] = {
        {"executorch", "xnnpack"}, {"onnx", "onnxruntime-cpu"}, {"coreml", "coreml"}};
    const auto* row = std::find_if(std::begin(runs), std::end(runs),
                                   [&](const auto& pair) { return format == pair.first; });
    if (row == std::end(runs)) artifact.refuse("format", "is unknown");
    if (backend != row->second) artifact.refuse("backend", "does not run its format");
    return format;
}

std::vector<int32_t> shape_of(const Fields& root) {
    const std::vector<int64_t> sides = root.wholes("shape", 1, kMostElements);
    int64_t elements = 1;
    for (const int64_t side : sides) {
        // Each factor is within 2^26: no product overflows before it is refused.
        elements *= side;
        if (elements > kMostElements) root.refuse("shape", "is one that no network takes");
    }
    if (sides.empty()) root.refuse("shape", "is one that no network takes");
    return {sides.begin(), sides.end()};
}

// Pixels lie in the one order that we know, whatever the shape is.
Element element_of(const Fields& root) {
    if (!root.has("pixels")) return Element::float32;
    const Fields pixels = root.child("pixels");
    if (pixels.text("memory") != "NHWC") pixels.refuse("memory", "is unknown");
    if (pixels.text("channel_order") != "RGBA") pixels.refuse("channel_order", "is unknown");
    const std::string& type = pixels.text("dtype");
    if (type != "uint8" && type != "int8") pixels.refuse("dtype", "is unknown");
    return type == "uint8" ? Element::uint8 : Element::int8;
}

Request request_of(const Fields& root) {
    Request request;
    request.id = root.text("id");
    if (!is_name(request.id)) root.refuse("id", "is not of the form it must have");
    const Fields artifact = root.child("artifact");
    request.artifact = file_of(artifact);
    request.format = format_of(artifact);
    // A .pte has one input and one output that matter, whatever they are called.
    artifact.text("input");
    artifact.text("output");
    request.threads = static_cast<int>(root.whole("threads", 0, 64));
    request.warmup = root.whole("warmup", 0, kMostRuns);
    request.iterations = root.whole("iterations", 1, kMostRuns);
    request.shape = shape_of(root);
    request.element = element_of(root);
    std::set<int64_t> indices;
    for (const Fields& fields : root.children("golden")) {
        const int64_t index = fields.whole("index", 0, kMostIndex);
        if (!indices.insert(index).second) fields.refuse("index", "is there twice");
        request.golden.push_back({index, file_of(fields)});
    }
    const Fields input = root.child("input");
    request.timed_golden = input.whole_or_null("golden", 0, kMostIndex);
    const auto seed = input.whole_or_null("seed", 0, kMostWhole);
    if (request.timed_golden.has_value() == seed.has_value()) {
        input.refuse("", "must be one of golden and seed");
    }
    if (request.timed_golden && indices.count(*request.timed_golden) == 0) {
        input.refuse("golden", "is not among the golden inputs");
    }
    request.seed = seed.value_or(0);
    // What it asks of the system, a process of the shell's user cannot have.
    root.flag("sustained");
    return request;
}

}  // namespace

size_t Request::elements() const {
    size_t product = 1;
    for (const int32_t side : shape) product *= static_cast<size_t>(side);
    return product;
}

size_t Request::bytes() const {
    return elements() * (element == Element::float32 ? sizeof(float) : 1);
}

Request parse_request(const std::string& text, const std::string& id) {
    try {
        const JsonValue value = parse_json(text);
        const Fields root(value);
        const int64_t version = root.whole("schema_version", 1, kMostWhole);
        if (version > kProtocolVersion) {
            throw Error(Kind::newer_protocol,
                        "the request is of protocol " + std::to_string(version) +
                            ", this runner speaks " + std::to_string(kProtocolVersion));
        }
        Request request = request_of(root);
        if (request.id != id) root.refuse("id", "is " + request.id + ", not " + id);
        return request;
    } catch (const JsonProblem& problem) {
        throw Error(Kind::bad_request, problem.what());
    }
}

}  // namespace runner
