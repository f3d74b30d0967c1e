#include "arguments.h"

#include <algorithm>
#include <stdexcept>

#include "affinity.h"

namespace runner {
namespace {

constexpr size_t kLongestName = 80;

std::string id_of(const std::string& request) {
    const std::string ending = ".request.json";
    if (request.size() > ending.size()) {
        const std::string id = request.substr(0, request.size() - ending.size());
        if (id + ending == request && is_name(id)) return id;
    }
    throw std::invalid_argument("the request is not named ID.request.json in the working folder");
}

}  // namespace

bool is_name(const std::string& text) {
    const auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
    };
    return !text.empty() && text.size() <= kLongestName && text[0] != '.' && text[0] != '-' &&
           std::all_of(text.begin(), text.end(), plain);
}

Arguments parse_arguments(const std::vector<std::string>& words) {
    Arguments arguments;
    for (size_t i = 0; i < words.size(); ++i) {
        const std::string& given = words[i];
        const auto value = [&] {
            if (i + 1 == words.size()) throw std::invalid_argument(given + " needs a value");
            return words[++i];
        };
        if (given == "--version") {
            arguments.version = true;
        } else if (given == "--cores") {
            arguments.cores = parse_cores(value());
        } else if (given == "--etdump") {
            arguments.etdump = value();
        } else if (given.rfind("--", 0) == 0) {
            throw std::invalid_argument("there is no option " + given);
        } else if (!arguments.id.empty()) {
            throw std::invalid_argument("there is more than one request");
        } else {
            arguments.id = id_of(given);
        }
    }
    if (arguments.id.empty() && !arguments.version) {
        throw std::invalid_argument("there is no request");
    }
    return arguments;
}

}  // namespace runner
