// A strict reader of JSON (RFC 8259) that somebody may have written to harm us.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace runner {

// What is wrong with a text, and where.
class JsonProblem : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// One value. A number with a fraction or an exponent, or beyond 64 bits, is a double.
struct JsonValue {
    using List = std::vector<JsonValue>;
    using Object = std::vector<std::pair<std::string, JsonValue>>;

    std::variant<std::nullptr_t, bool, int64_t, double, std::string, List, Object> value = nullptr;
};

// The value that `text` is. Throws JsonProblem, also for a name that is given twice and for what is
// nested too deeply.
JsonValue parse_json(const std::string& text);

// The largest whole number that every reader of JSON holds exactly.
inline constexpr int64_t kMostWhole = (int64_t{1} << 53) - 1;

// An object read field by field: each value has the type asked for, or a JsonProblem names its
// path. Fields that nobody asks for are no matter, as in the app.
class Fields {
  public:
    explicit Fields(const JsonValue& value, std::string path = "");

    // Not empty, not too long, without control characters.
    const std::string& text(const std::string& name) const;
    bool flag(const std::string& name) const;
    // Whether it is there, of whatever type.
    bool has(const std::string& name) const;
    int64_t whole(const std::string& name, int64_t least, int64_t most) const;
    // None for null, which a field that is left out is not.
    std::optional<int64_t> whole_or_null(const std::string& name, int64_t least,
                                         int64_t most) const;
    std::vector<int64_t> wholes(const std::string& name, int64_t least, int64_t most) const;
    Fields child(const std::string& name) const;
    std::vector<Fields> children(const std::string& name) const;

    // Refuse one field, or with "" the whole.
    [[noreturn]] void refuse(const std::string& name, const std::string& what) const;

  private:
    const JsonValue& value(const std::string& name) const;
    const JsonValue::List& list(const std::string& name) const;
    std::string at(const std::string& name) const;

    const JsonValue::Object* object_;
    std::string path_;
};

}  // namespace runner
