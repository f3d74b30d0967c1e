#include "json.h"

#include <algorithm>
#include <cstdlib>
#include <set>

namespace runner {
namespace {

constexpr int kDeepest = 32;
constexpr size_t kLongestText = 1000;

class Reader {
  public:
    explicit Reader(const std::string& text) : text_(text) {}

    JsonValue whole() {
        JsonValue value = any(0);
        space();
        if (place_ != text_.size()) wrong("there is more after it");
        return value;
    }

  private:
    [[noreturn]] void wrong(const std::string& what) const {
        throw JsonProblem("is not JSON: " + what + " at byte " + std::to_string(place_));
    }

    char next() const { return place_ < text_.size() ? text_[place_] : '\0'; }

    bool take(char c) {
        if (next() != c || place_ >= text_.size()) return false;
        ++place_;
        return true;
    }

    void need(char c) {
        if (!take(c)) wrong(std::string("no '") + c + "'");
    }

    void space() {
        while (take(' ') || take('\n') || take('\r') || take('\t')) {
        }
    }

    bool take(const std::string& word) {
        if (text_.compare(place_, word.size(), word) != 0) return false;
        place_ += word.size();
        return true;
    }

    JsonValue any(int depth) {
        if (depth > kDeepest) wrong("nested too deeply");
        space();
        if (take('{')) return {object(depth)};
        if (take('[')) return {list(depth)};
        if (take('"')) return {text()};
        if (take("true")) return {true};
        if (take("false")) return {false};
        if (take("null")) return {nullptr};
        return number();
    }

    JsonValue::Object object(int depth) {
        JsonValue::Object fields;
        std::set<std::string> names;
        space();
        if (take('}')) return fields;
        do {
            space();
            need('"');
            std::string name = text();
            if (!names.insert(name).second) wrong("a name is there twice");
            space();
            need(':');
            fields.emplace_back(std::move(name), any(depth + 1));
            space();
        } while (take(','));
        need('}');
        return fields;
    }

    JsonValue::List list(int depth) {
        JsonValue::List values;
        space();
        if (take(']')) return values;
        do {
            values.push_back(any(depth + 1));
            space();
        } while (take(','));
        need(']');
        return values;
    }

    // What follows the opening quote, as UTF-8.
    std::string text() {
        std::string read;
        while (!take('"')) {
            if (place_ >= text_.size()) wrong("a text does not end");
            if (take('\\')) {
                escape(read);
            } else if (static_cast<unsigned char>(next()) < 0x20) {
                wrong("a control character");
            } else {
                read += text_[place_++];
            }
        }
        return read;
    }

    void escape(std::string& read) {
        static const std::string letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
        const size_t index = letters.find(next());
        if (place_ < text_.size() && index != std::string::npos) {
            ++place_;
            read += meanings[index];
        } else if (take('u')) {
            uint32_t point = unit();
            if (point >= 0xd800 && point < 0xdc00 && take("\\u")) {
                const uint32_t low = unit();
                if (low < 0xdc00 || low > 0xdfff) wrong("half a character");
                point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
            }
            if (point >= 0xd800 && point < 0xe000) wrong("half a character");
            add_utf8(read, point);
        } else {
            wrong("an unknown escape");
        }
    }

    uint32_t unit() {
        uint32_t unit = 0;
        for (int i = 0; i < 4; ++i, ++place_) {
            static const std::string digits = "0123456789abcdef";
            const char digit = next() >= 'A' && next() <= 'F' ? next() + ('a' - 'A') : next();
            const size_t value = digits.find(digit);
            if (place_ >= text_.size() || value == std::string::npos) wrong("no four digits");
            unit = unit << 4 | static_cast<uint32_t>(value);
        }
        return unit;
    }

    static void add_utf8(std::string& read, uint32_t point) {
        const auto add = [&](uint32_t byte) { read += static_cast<char>(byte); };
        if (point < 0x80) return add(point);
        if (point < 0x800) {
            add(0xc0 | point >> 6);
        } else if (point < 0x10000) {
            add(0xe0 | point >> 12);
            add(0x80 | (point >> 6 & 63));
        } else {
            add(0xf0 | point >> 18);
            add(0x80 | (point >> 12 & 63));
            add(0x80 | (point >> 6 & 63));
        }
        add(0x80 | (point & 63));
    }

    JsonValue number() {
        const size_t begin = place_;
        take('-');
        if (!take('0')) digits();
        bool whole = true;
        if (take('.')) {
            whole = false;
            digits();
        }
        if (take('e') || take('E')) {
            whole = false;
            if (!take('+')) take('-');
            digits();
        }
        const std::string written = text_.substr(begin, place_ - begin);
        // Sixteen digits and a sign are within 64 bits, and beyond what is asked for anywhere.
        if (whole && written.size() <= 17) return {int64_t{std::stoll(written)}};
        return {std::strtod(written.c_str(), nullptr)};
    }

    void digits() {
        const size_t begin = place_;
        while (next() >= '0' && next() <= '9') ++place_;
        if (place_ == begin) wrong("no value");
    }

    const std::string& text_;
    size_t place_ = 0;
};

template <typename T>
const T& as(const JsonValue& value, const std::string& at, const char* otherwise) {
    if (const T* held = std::get_if<T>(&value.value)) return *held;
    throw JsonProblem(at + " " + otherwise);
}

int64_t whole_of(const JsonValue& value, const std::string& at, int64_t least, int64_t most) {
    const auto number = as<int64_t>(value, at, "is no whole number that fits");
    if (number < least || number > most) {
        throw JsonProblem(at + " is not within " + std::to_string(least) + " and " +
                          std::to_string(most));
    }
    return number;
}

}  // namespace

JsonValue parse_json(const std::string& text) {
    return Reader(text).whole();
}

Fields::Fields(const JsonValue& value, std::string path)
    : object_(&as<JsonValue::Object>(value, path.empty() ? "the whole" : path, "is no object")),
      path_(std::move(path)) {}

const std::string& Fields::text(const std::string& name) const {
    const auto& held = as<std::string>(value(name), at(name), "is no text");
    if (held.empty() || held.size() > kLongestText) refuse(name, "is empty or too long");
    const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
    if (std::any_of(held.begin(), held.end(), is_control)) {
        refuse(name, "holds control characters");
    }
    return held;
}

bool Fields::flag(const std::string& name) const {
    return as<bool>(value(name), at(name), "is neither true nor false");
}

bool Fields::has(const std::string& name) const {
    return std::any_of(object_->begin(), object_->end(),
                       [&](const auto& field) { return field.first == name; });
}

int64_t Fields::whole(const std::string& name, int64_t least, int64_t most) const {
    return whole_of(value(name), at(name), least, most);
}

std::optional<int64_t> Fields::whole_or_null(const std::string& name, int64_t least,
                                             int64_t most) const {
    if (std::holds_alternative<std::nullptr_t>(value(name).value)) return std::nullopt;
    return whole(name, least, most);
}

std::vector<int64_t> Fields::wholes(const std::string& name, int64_t least, int64_t most) const {
    std::vector<int64_t> found;
    for (const JsonValue& one : list(name)) {
        found.push_back(whole_of(one, at(name) + "." + std::to_string(found.size()), least, most));
    }
    return found;
}

Fields Fields::child(const std::string& name) const {
    return Fields(value(name), at(name));
}

std::vector<Fields> Fields::children(const std::string& name) const {
    std::vector<Fields> found;
    for (const JsonValue& one : list(name)) {
        found.emplace_back(one, at(name) + "." + std::to_string(found.size()));
    }
    return found;
}

void Fields::refuse(const std::string& name, const std::string& what) const {
    throw JsonProblem((name.empty() && path_.empty() ? "the whole" : at(name)) + " " + what);
}

const JsonValue& Fields::value(const std::string& name) const {
    for (const auto& [known, held] : *object_) {
        if (known == name) return held;
    }
    refuse(name, "is missing");
}

const JsonValue::List& Fields::list(const std::string& name) const {
    return as<JsonValue::List>(value(name), at(name), "is no list");
}

std::string Fields::at(const std::string& name) const {
    if (path_.empty() || name.empty()) return path_ + name;
    return path_ + "." + name;
}

}  // namespace runner
