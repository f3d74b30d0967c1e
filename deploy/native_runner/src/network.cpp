#include "network.h"

#include <executorch/devtools/etdump/etdump_flatcc.h>
#include <executorch/extension/tensor/tensor_ptr_maker.h>

#include <cstdlib>
#include <memory>

#include "error.h"
#include "runtime_log.h"
#include "thread_pool.h"

namespace runner {
namespace {

using executorch::aten::ScalarType;
using executorch::etdump::ETDumpGen;
using executorch::extension::Module;
using executorch::runtime::EventTracer;
using executorch::runtime::Program;
using RuntimeError = executorch::runtime::Error;

constexpr char kForward[] = "forward";

[[noreturn]] void fail(RuntimeError error, Kind otherwise) {
    const std::string said = runtime_errors();
    Kind kind = otherwise;
    if (error == RuntimeError::OperatorMissing ||
        said.find("is not registered") != std::string::npos) {
        kind = Kind::operator_missing;
    } else if (error == RuntimeError::MemoryAllocationFailed ||
               error == RuntimeError::DelegateMemoryAllocationFailed) {
        kind = Kind::out_of_memory;
    }
    throw Error(kind, executorch::runtime::to_string(error) + (said.empty() ? "" : ": " + said));
}

void check_loaded(RuntimeError error) {
    if (error != RuntimeError::Ok) fail(error, Kind::load_failed);
}

ScalarType type_of(Element element) {
    switch (element) {
        case Element::uint8:
            return ScalarType::Byte;
        case Element::int8:
            return ScalarType::Char;
        case Element::float32:
            break;
    }
    return ScalarType::Float;
}

std::string written(const int32_t* sides, size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += (i ? "x" : "") + std::to_string(sides[i]);
    return text;
}

}  // namespace

void verify_program(const std::string& file) {
    Module module(file, Module::LoadMode::Mmap);
    check_loaded(module.load(Program::Verification::InternalConsistency));
}

Network::Network(const std::string& file, int threads, bool traced)
    : tracer_(traced ? new ETDumpGen() : nullptr),
      module_(file, Module::LoadMode::Mmap, std::unique_ptr<EventTracer>(tracer_)) {
    // Before a delegate is loaded, which keeps the pool that it finds.
    if (threads > 0) set_threads(threads);
    check_loaded(module_.load());
    check_loaded(module_.load_method(kForward));
}

void Network::check_takes(const Request& request) {
    const std::vector<int32_t>& shape = request.shape;
    const auto method = module_.method_meta(kForward);
    if (!method.ok()) fail(method.error(), Kind::load_failed);
    const auto input = method->input_tensor_meta(0);
    if (method->num_inputs() != 1 || !input.ok() ||
        input->scalar_type() != type_of(request.element)) {
        throw Error(Kind::wrong_shape, std::string("the network does not take one input of ") +
                                           executorch::runtime::toString(type_of(request.element)));
    }
    const auto sizes = input->sizes();
    if (std::vector<int32_t>(sizes.begin(), sizes.end()) != shape) {
        throw Error(Kind::wrong_shape, "the network takes " + written(sizes.data(), sizes.size()) +
                                           ", the request has " +
                                           written(shape.data(), shape.size()));
    }
}

Input Network::input_of(std::vector<char>& data, const Request& request) const {
    const ScalarType type = type_of(request.element);
    const std::vector<int32_t>& shape = request.shape;
    if (request.element == Element::float32 || shape.size() != 4) {
        auto tensor = executorch::extension::from_blob(data.data(), shape, type);
        return {tensor, {*tensor}};
    }
    // Channels-last: pixel by pixel, row by row.
    const int32_t channels = shape[1], row = shape[3] * channels;
    auto tensor = executorch::extension::from_blob(data.data(), shape,
                                                   {shape[2] * row, 1, row, channels}, type);
    return {tensor, {*tensor}};
}

void Network::run(const Input& input) {
    auto outputs = module_.execute(kForward, input.values);
    if (!outputs.ok()) fail(outputs.error(), Kind::run_failed);
    outputs_ = std::move(*outputs);
}

std::vector<float> Network::logits() const {
    if (outputs_.empty() || !outputs_[0].isTensor() ||
        outputs_[0].toTensor().scalar_type() != ScalarType::Float) {
        throw Error(Kind::wrong_shape, "the network gives no float32 output");
    }
    const auto& tensor = outputs_[0].toTensor();
    const float* values = tensor.const_data_ptr<float>();
    return {values, values + tensor.numel()};
}

std::vector<uint8_t> Network::etdump() {
    const auto result = tracer_->get_etdump_data();
    const auto* bytes = static_cast<const uint8_t*>(result.buf);
    std::vector<uint8_t> data(bytes, bytes + result.size);
    std::free(result.buf);
    return data;
}

}  // namespace runner
