#include "block.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <random>

#include "files.h"
#include "last_words.h"
#include "network.h"
#include "process.h"

namespace runner {
namespace {

using Clock = std::chrono::steady_clock;

int64_t nanoseconds_since(Clock::time_point begin) {
    const auto passed = std::chrono::nanoseconds(Clock::now() - begin).count();
    return std::max<int64_t>(1, passed);
}

int64_t timed_run(Network& network, const Input& input) {
    const auto begin = Clock::now();
    network.run(input);
    return nanoseconds_since(begin);
}

std::vector<char> seeded(const Request& request) {
    std::mt19937_64 generator(static_cast<uint64_t>(request.seed));
    std::vector<char> input(request.bytes());
    if (request.element != Element::float32) {
        for (char& byte : input) byte = static_cast<char>(generator());
        return input;
    }
    std::uniform_real_distribution<float> numbers(-1, 1);
    for (size_t i = 0; i < request.elements(); ++i) {
        const float number = numbers(generator);
        std::memcpy(input.data() + i * sizeof(float), &number, sizeof(float));
    }
    return input;
}

}  // namespace

Block run_block(const Request& request, bool traced) {
    if (request.format != "executorch") {
        throw Error(Kind::runtime_missing, "this runner has no runtime for " + request.format);
    }
    check_file(request.artifact);
    std::map<int64_t, std::vector<char>> golden;
    for (const GoldenInput& photo : request.golden) {
        golden[photo.index] = read_input(photo.file, request.bytes());
    }
    std::vector<char> timed =
        request.timed_golden ? golden[*request.timed_golden] : seeded(request);
    const std::string& file = request.artifact.name;
    prepare_last_words(request.id, Kind::load_failed, "loaded " + file);
    verify_program(file);

    Block block;
    Measured& measured = block.measured;
    measured.iterations_ns.reserve(static_cast<size_t>(request.iterations));
    measured.memory_before_bytes = process_status().resident_bytes;
    const auto begin = Clock::now();
    Network network(file, request.threads, traced);
    measured.load_ns = nanoseconds_since(begin);
    network.check_takes(request);

    prepare_last_words(request.id, Kind::run_failed, "ran " + file);
    const Input input = network.input_of(timed, request);
    measured.first_ns = timed_run(network, input);
    for (int64_t i = 0; i < request.warmup; ++i) network.run(input);
    for (int64_t i = 0; i < request.iterations; ++i) {
        measured.iterations_ns.push_back(timed_run(network, input));
    }
    for (auto& [index, photo] : golden) {
        network.run(network.input_of(photo, request));
        measured.logits.emplace_back(index, network.logits());
    }
    const ProcessStatus status = process_status();
    // The kernel notes its high-water mark only now and then: it can be below what was read.
    // (An empty optional is less than any number.)
    measured.memory_peak_bytes = std::max(status.peak_bytes, measured.memory_before_bytes);
    block.process_lines = status.lines;
    if (traced) block.etdump = network.etdump();
    return block;
}

}  // namespace runner
