// SPDX-License-Identifier: MIT
// Policies by name, for configuration files: the library's, and your own under your names.
//
//   auto registry = equipoise::policy_registry::standard();
//   registry.add("mine", my_policy{});
//   equipoise::balancer lb{pool, registry.make("failover{bounded_load{maglev, factor=1.5}}")};
//
// A program compiles the policies of its registry: standard() has all of them; of() has those of your lists.
#pragma once

#include <equipoise/core/array.hpp>
#include <equipoise/policy/any_policy.hpp>
#include <equipoise/policy/policy_text.hpp>
#include <equipoise/policy/standard.hpp>

#include <utility>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Policies by name. A value: copy it, add to it, and keep it where the configuration is read. All functions allocate.
class policy_registry {
 public:
  /// All policies and compositions of the library. (A template, so that only programs that ask for all policies compile
  /// all of them.)
  template <class = void>
  static policy_registry standard() {
    auto r = of<standard_policies, standard_compositions>();
    r.add_types(standard_policies_with_arguments{});
    r.add_types(standard_compositions_with_arguments{});
    return r;
  }

  /// The policies of a policy_list and the compositions of a composition_list, so that a program compiles those alone.
  template <class Policies, class Compositions = composition_list<>>
  static policy_registry of() {
    policy_registry r;
    r.add_types(Policies{});
    r.add_types(Compositions{});
    return r;
  }

  /// Adds a policy. make() and describe() know it by that name. Fails if the name is taken, or has characters other
  /// than letters, digits, '_' and '-'.
  void add(std::string_view name, any_policy policy) {
    if (policy.describe() != name) policy = std::move(policy).named(std::string{name});
    entry& e = add_entry(name, &remade);
    e.state = detail::shared<detail::reference_counted const>{new kept<any_policy>{std::move(policy)}};
  }

  /// Adds a policy under its own `name`. If it lists `parameters`, make("name{parameter=value}") makes another one from
  /// the values of its parameters: those in the text, and those that the policy has.
  template <class P>
  void add(P policy) {
    if constexpr (detail::has_parameters<P>) {
      entry& e = add_entry(P::name, &made_of_parameters<P>);
      auto* const k = new kept<P>{std::move(policy)};
      e.state = detail::shared<detail::reference_counted const>{k};
      e.presets = &k->value;
      e.parameters = P::parameters;
    } else {
      add(P::name, any_policy{std::move(policy)});
    }
  }

  /// Adds a composition: make("name{maglev}") then calls wrapper(maglev), which returns an any_policy. Fails as add().
  template <class Wrapper>
  void wrap(std::string_view name, Wrapper wrapper) {
    entry& e = add_entry(name, &wrapped<Wrapper>);
    e.is_composition = true;
    e.is_named = true;
    e.state = detail::shared<detail::reference_counted const>{new kept<Wrapper>{std::move(wrapper)}};
  }

  /// The policy of that text: "maglev", "failover{maglev}", "max_in_flight{round_robin, limit=50}", …, as policy_text
  /// describes it. The policy inside comes first. Parameters may be named, or follow in their order. Spaces and line
  /// ends do not count. Fails, naming the text and what there is, if a name or a value is unknown, or if compositions
  /// nest more than eight deep. O(length).
  any_policy make(std::string_view text) const {
    std::string why;
    auto made = try_make(text, &why);
    if (!made) fail(why);
    return *std::move(made);
  }

  /// The same without a failure: none if there is a mistake, which is then written to `why` unless that is null.
  std::optional<any_policy> try_make(std::string_view text, std::string* why = nullptr) const {
    std::string mistake;
    std::optional<any_policy> made;
    if (auto const tree = policy_text::parse(text, mistake)) made = made_of(*tree, most_nested, text, mistake);
    if (why != nullptr) *why = std::move(mistake);
    return made;
  }

  /// The names that make() takes as they are, in the order in which they were added: policies, then compositions as
  /// "name{…}".
  std::vector<std::string> names() const {
    return all([](entry const& e) { return e.needs_arguments() ? "" : e.form(); });
  }

  /// Every policy and composition with its parameters and their presets, for people: "ring_hash{points=160}",
  /// "zone_first{…, zone=…, threshold=0}".
  std::vector<std::string> usage() const {
    return all([](entry const& e) { return e.usage(); });
  }

 private:
  static constexpr int most_nested = 8;
  static constexpr std::size_t most_parameters = 8;

  template <class Value>
  struct kept final : detail::reference_counted {
    explicit kept(Value v) : value{std::move(v)} {}
    Value value;
  };
  // What a policy is made of.
  struct ingredients {
    detail::reference_counted const* state;
    any_policy const* child;        // of a composition
    parameter_value const* values;  // by parameter; null if they are all preset
    policy_text const* text;
  };

  struct entry {
    std::string name;
    any_policy (*make)(ingredients const&) = nullptr;
    std::string (*mistake_in)(policy_text const&) = nullptr;  // set if the policy reads its text itself
    detail::shared<detail::reference_counted const> state{};
    void const* presets = nullptr;  // a policy with the presets, if these are not those of the list
    array_view<parameter const> parameters{};
    bool is_composition = false;
    bool is_named = false;  // whether the policy that is made has to be given this entry's name

    double preset(parameter const& p) const { return presets != nullptr ? p.member.read(presets).number : p.preset; }
    bool needs_arguments() const {
      bool needs = mistake_in != nullptr;
      if (presets == nullptr)
        for (parameter const& p : parameters) needs = needs || p.is_required();
      return needs;
    }
    std::string written(bool with_presets) const {
      std::string inside = is_composition || mistake_in != nullptr ? "…" : "";
      for (parameter const& p : parameters) {
        if (!p.is_required() && !with_presets) continue;
        detail::add_listed(inside, p.name) += "=";
        if (p.is_required())
          inside += "…";
        else
          inside += p.member.kind == parameter_kind::text ? "\"\"" : detail::written_number(preset(p));
      }
      return inside.empty() ? name : detail::joined({name, "{", inside, "}"});
    }
    // The policy of these values, with those that are not its presets.
    std::string described(parameter_value const* values) const {
      std::string inside;
      for (std::size_t i = 0; i != parameters.size(); ++i) {
        parameter_value const its_preset = parameters[i].member.read(presets);
        detail::write_parameter(inside, parameters[i], values[i], &its_preset);
      }
      return inside.empty() ? name : detail::joined({name, "{", inside, "}"});
    }
    std::string form() const { return written(false); }
    std::string usage() const { return written(true); }
    // A sentence about the policy.
    std::string sentence(std::string_view a, std::string_view b = {}, std::string_view c = {}) const {
      return detail::joined({"equipoise: policy '", name, "' ", a, b, c});
    }
  };

  // The ways to make a policy.
  static any_policy remade(ingredients const& of) { return static_cast<kept<any_policy> const*>(of.state)->value; }
  template <class Wrapper>
  static any_policy wrapped(ingredients const& of) {
    return static_cast<kept<Wrapper> const*>(of.state)->value(*of.child);
  }
  template <class P>
  static any_policy made_of_text(ingredients const& of) {
    return P{*of.text};
  }
  template <class P>
  static any_policy made_of_parameters(ingredients const& of) {
    if (of.values == nullptr) return static_cast<kept<P> const*>(of.state)->value;
    return made_of_values<P>(of);
  }
  template <class P>
  static any_policy made_of_values(ingredients const& of) {
    if constexpr (!detail::has_parameters<P>) {
      if constexpr (composition<P>)
        return P{*of.child};
      else
        return P{};
    } else {
      constexpr std::size_t n = array_view<parameter const>{P::parameters}.size();
      static_assert(n <= most_parameters, "equipoise: a policy has more than eight parameters");
      constexpr bool text_first = composition<P> && P::parameters[0].member.kind == parameter_kind::text;
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        if constexpr (text_first)
          return P{argument<P::parameters[0].member.kind>(of.values[0]), *of.child,
                   argument<P::parameters[I + 1].member.kind>(of.values[I + 1])...};
        else if constexpr (composition<P>)
          return P{*of.child, argument<P::parameters[I].member.kind>(of.values[I])...};
        else
          return P{argument<P::parameters[I].member.kind>(of.values[I])...};
      }(std::make_index_sequence<n - (text_first ? 1 : 0)>{});
    }
  }

  // A value as the argument of a constructor, which may be of any integral or floating-point type.
  struct whole_argument {
    double value;
    template <std::integral Integer>
    operator Integer() const noexcept {
      return static_cast<Integer>(value);
    }
  };
  struct number_argument {
    double value;
    template <std::floating_point Number>
    operator Number() const noexcept {
      return static_cast<Number>(value);
    }
  };
  struct word_argument {
    double value;
    template <class Enumeration>
      requires std::is_enum_v<Enumeration>
    operator Enumeration() const noexcept {
      return static_cast<Enumeration>(static_cast<int>(value));
    }
  };
  template <parameter_kind Kind>
  static auto argument(parameter_value const& v) {
    if constexpr (Kind == parameter_kind::whole)
      return whole_argument{v.number};
    else if constexpr (Kind == parameter_kind::word)
      return word_argument{v.number};
    else if constexpr (Kind == parameter_kind::number)
      return number_argument{v.number};
    else
      return v.text;
  }

  template <class... P>
  void add_types(policy_list<P...>) {
    (add_type<P>(), ...);
  }
  template <template <class> class... C>
  void add_types(composition_list<C...>) {
    (add_type<C<any_policy>>(), ...);
  }
  template <class P>
  void add_type() {
    if constexpr (requires(policy_text const& t) { P::mistake_in(t); }) {
      add_entry(P::name, &made_of_text<P>).mistake_in = [](policy_text const& t) { return P::mistake_in(t); };
    } else {
      entry& e = add_entry(P::name, &made_of_values<P>);
      e.is_composition = composition<P>;
      if constexpr (detail::has_parameters<P>) e.parameters = P::parameters;
    }
  }

  entry& add_entry(std::string_view name, any_policy (*how)(ingredients const&)) {
    bool good = !name.empty();
    for (char c : name)
      good =
          good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-');
    if (!good)
      fail(detail::joined({"equipoise: policy name '", name, "' is not made of letters, digits, '_' and '-'"}));
    if (find(name) != nullptr) fail(detail::joined({"equipoise: policy name '", name, "' is taken"}));
    entry& e = entries_.emplace_back();
    e.name = name;
    e.make = how;
    return e;
  }

  entry const* find(std::string_view name) const {
    for (auto const& e : entries_)
      if (e.name == name) return &e;
    return nullptr;
  }

  // What `write` says of each entry, without the empty texts: policies, then compositions.
  template <class Write>
  std::vector<std::string> all(Write write) const {
    std::vector<std::string> texts;
    for (bool const compositions : {false, true})
      for (auto const& e : entries_)
        if (e.is_composition == compositions)
          if (std::string text = write(e); !text.empty()) texts.push_back(std::move(text));
    return texts;
  }

  // None, and `why`, after a mistake. `nested` compositions may be within each other.
  std::optional<any_policy> made_of(policy_text const& t, int nested, std::string_view whole, std::string& why) const {
    entry const* const e = find(t.text);
    if (e == nullptr) return refused(why, unknown(t.text));
    if (e->mistake_in != nullptr) {
      if (why = e->mistake_in(t); !why.empty()) return std::nullopt;
      return e->make({e->state.operator->(), nullptr, nullptr, &t});
    }
    policy_text const* child = nullptr;
    policy_text const* given[most_parameters]{};
    parameter_value values[most_parameters];
    if (!are_assigned(*e, t, child, given, why) || !are_read(*e, given, values, why)) return std::nullopt;
    bool const preset = e->presets != nullptr && t.parts.empty();
    if (!e->is_composition) {
      any_policy made = e->make({e->state.operator->(), nullptr, preset ? nullptr : values, &t});
      return e->presets != nullptr ? std::move(made).named(e->described(values)) : std::move(made);
    }
    if (child == nullptr) return refused(why, e->sentence("needs another inside: ", e->name, "{round_robin}"));
    if (nested == 0)
      return refused(
          why, detail::joined({"equipoise: policy '", detail::shown_text(whole), "' nests more than eight deep"}));
    auto const inside = made_of(*child, nested - 1, whole, why);
    if (!inside) return std::nullopt;
    any_policy made = e->make({e->state.operator->(), &*inside, values, &t});
    return e->is_named ? std::move(made).named(detail::joined({e->name, "{", inside->describe(), "}"}))
                       : std::move(made);
  }

  static std::nullopt_t refused(std::string& why, std::string mistake) {
    why = std::move(mistake);
    return std::nullopt;
  }

  // Which part is the policy inside, and which part is which parameter.
  static bool are_assigned(entry const& e, policy_text const& t, policy_text const*& child, policy_text const** given,
                           std::string& why) {
    std::size_t next = 0;
    for (policy_text const& part : t.parts) {
      if (part.key.empty() && e.is_composition && child == nullptr) {
        child = &part;
        continue;
      }
      std::size_t i = 0;
      if (part.key.empty()) {
        while (next != e.parameters.size() && given[next] != nullptr) ++next;
        i = next;
        if (i == e.parameters.size()) why = e.sentence("has no place for '", detail::shown_text(part.text), "'");
      } else {
        while (i != e.parameters.size() && e.parameters[i].name != part.key) ++i;
        if (i == e.parameters.size()) why = e.sentence("has no parameter '", detail::shown_text(part.key), "'");
      }
      if (i == e.parameters.size()) {
        std::string known, nearest;
        for (parameter const& p : e.parameters) {
          detail::add_listed(known, p.name);
          if (is_near(part.key, p.name)) nearest = p.name;
        }
        if (!nearest.empty()) why += detail::joined({"; did you mean '", nearest, "'?"});
        why += known.empty() ? "; it takes no parameters" : nearest.empty() ? "; it has: " : " It has: ";
        why += known;
        return false;
      }
      if (given[i] != nullptr) {
        why = e.sentence("has its parameter ", e.parameters[i].name, " twice");
        return false;
      }
      given[i] = &part;
    }
    return true;
  }

  static bool are_read(entry const& e, policy_text const* const* given, parameter_value* values, std::string& why) {
    for (std::size_t i = 0; i != e.parameters.size(); ++i) {
      parameter const& p = e.parameters[i];
      if (given[i] == nullptr) {
        if (e.presets != nullptr)
          values[i] = p.member.read(e.presets);
        else
          values[i].number = p.preset;
        if (e.presets == nullptr && p.is_required()) {
          why = e.sentence("needs its parameter ", p.name, detail::joined({": ", e.form()}));
          return false;
        }
        continue;
      }
      std::string const& text = given[i]->text;
      if (p.member.kind == parameter_kind::word && !given[i]->has_braces) {
        std::size_t place = 0;
        while (place != p.words.size() && p.words[place] != text) ++place;
        if (place == p.words.size()) {
          why = p.mistake(e.name, detail::shown_text(text), false);
          return false;
        }
        values[i].number = static_cast<double>(place);
        continue;
      }
      auto const number = detail::number_in(text);
      bool const is_whole = number && text.find_first_of(".eE") == text.npos;
      bool const is_number = number && (is_whole || p.member.kind == parameter_kind::number);
      bool const is_text = p.member.kind == parameter_kind::text;
      if (given[i]->has_braces || (!is_text && !(is_number && p.takes(*number)))) {
        auto const shown = detail::shown_text(text);
        why = p.mistake(e.name, given[i]->has_braces ? detail::joined({shown, "{…}"}) : shown,
                        is_number && !given[i]->has_braces);
        return false;
      }
      if (is_text && !(why = p.mistake_in_text(e.name, text)).empty()) return false;
      values[i] = is_text ? parameter_value{0, text} : parameter_value{*number, {}};
    }
    return true;
  }

  std::string unknown(std::string_view name) const {
    std::string known;
    entry const* nearest = nullptr;
    for (auto const& e : entries_)
      if (is_near(name, e.name) && (nearest == nullptr || distance(name, e.name) < distance(name, nearest->name)))
        nearest = &e;
    for (auto const& form : all([](entry const& e) { return e.form(); })) detail::add_listed(known, form);
    return detail::joined({"equipoise: unknown policy '", detail::shown_text(name),
                           nearest != nullptr ? "'; did you mean '"
                           : name.empty()     ? "', because no name is given; known: "
                                              : "'; known: ",
                           nearest != nullptr ? nearest->name : "", nearest != nullptr ? "'? Known: " : "", known});
  }

  // Whether a name is probably a misspelt one, or its beginning.
  static bool is_near(std::string_view name, std::string_view known) {
    if (name.size() < 3 || name.size() > 64) return false;
    return known.starts_with(name) || distance(name, known) <= known.size() / 3;
  }
  // How many characters have to be added, taken away or changed. Letters count as equal in both cases.
  static std::size_t distance(std::string_view a, std::string_view b) {
    auto const lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    detail::array<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j != row.size(); ++j) row[j] = j;
    for (std::size_t i = 0; i != a.size(); ++i) {
      std::size_t diagonal = std::exchange(row[0], i + 1);
      for (std::size_t j = 0; j != b.size(); ++j) {
        std::size_t const changed = diagonal + (lower(a[i]) != lower(b[j]));
        diagonal = row[j + 1];
        std::size_t const other = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
        row[j + 1] = changed < other ? changed : other;
      }
    }
    return row.back();
  }

  std::vector<entry> entries_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
