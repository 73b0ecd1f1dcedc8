// SPDX-License-Identifier: MIT
// Gathers an explanation while a pick goes by.
#pragma once

#include <equipoise/core/pick/explanation.hpp>
#include <equipoise/core/policy/policy.hpp>

#include <exception>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// (Explanation is a parameter, so that only programs that explain compile it.)
template <class P, class Explanation = explanation>
class explainer final : public recorder {
 public:
  using row = typename Explanation::row;

  explainer(state_table const& states, P const& policy) : states_{states} { result.policy = describe(policy); }

  void compared(member const& m, char const* name, double value) noexcept override {
    guarded([&] {
      note(m, name, value);
      judged(m, "compared");
    });
  }

  void refused(member const* m, char const* why) noexcept override {
    guarded([&] { m != nullptr ? judged(*m, why) : void(result.detail = why); });
  }

  void noted(char const* what) noexcept override {
    guarded([&] {
      for (auto const& n : result.notes)
        if (n == what) return;
      result.notes.push_back(what);
    });
  }

  void widened(widening const& w) noexcept override { widening_ = &w; }

  void set_aside(array_view<member const> these, char const* why) noexcept override {
    guarded([&] {
      for (aside& a : aside_)
        if (a.these.data() == these.data()) return void(a.why = why != nullptr ? why : "");
      aside_.push_back({these, why != nullptr ? why : ""});
    });
  }

  // What was found out about a candidate, `error` included. The verdict that came first stays.
  void judged(proposal const& p, pick_error error, admission mask) {
    member const& m = *p.candidate;
    if (p.limit != no_limit) note(m, "limit", p.limit);
    if (error == pick_error::none) return chosen(m);
    auto const flags = against(m, p.mask & mask);
    judged(m, error == pick_error::all_excluded ? "excluded" : flags != health_flag::none ? to_string(flags) : "full");
  }

  // The pick begins again, because membership or health changed while it ran.
  void restart(P const& policy) {
    result = {};
    result.policy = describe(policy);
    aside_.clear();
    widening_ = nullptr;
  }

  // Adds the members that the policy passed over by itself, and returns the whole explanation.
  Explanation finished(array_view<member const> all, array_view<member const> table, pick_options const& options) {
#if EQUIPOISE_EXCEPTIONS
    if (problem_ != nullptr) std::rethrow_exception(problem_);
#endif
    for (member const& m : all) {
      auto* const r = row_of(m);
      if (r == nullptr || !is_open(*r)) continue;
      admission const mask = widening_ != nullptr ? options.mask & widening_->mask_of(m) : options.mask;
      if (auto const flags = against(m, mask); flags != health_flag::none)
        r->verdict = to_string(flags);
      else if (options.excludes(m.id))
        r->verdict = "excluded";
      else if (m.weight == 0)
        r->verdict = "not in the table, because its weight is 0";
      else if (!is_in(m, table) && (widening_ == nullptr || !widening_->has(m)))
        r->verdict = "not in the table until the next refresh(), because it was unhealthy when that was built";
      else if (r->verdict == not_asked)
        set_aside(m, *r);
    }
    result.more = all.size() > result.rows.size() ? all.size() - result.rows.size() : 0;
    return std::move(result);
  }

  Explanation result;

 private:
  // Called from within propose(), which must not throw: finished() throws what went wrong.
  template <class F>
  void guarded(F&& f) noexcept {
#if EQUIPOISE_EXCEPTIONS
    try {
      f();
    } catch (...) {
      problem_ = std::current_exception();
    }
#else
    f();
#endif
  }

  void judged(member const& m, std::string const& verdict) {
    if (auto* r = row_of(m); r != nullptr && is_open(*r)) r->verdict = verdict;
  }

  // Whether nothing was found out yet that decides about the member.
  static bool is_open(row const& r) { return r.verdict == not_asked || r.verdict == "compared"; }

  // The member's turn did not come.
  void set_aside(member const& m, row& r) {
    r.had_its_turn = false;
    for (aside const& a : aside_)
      if (!a.why.empty() && is_in(m, a.these)) r.verdict = a.why;
  }

  // The chosen member always has a row, if need be in the place of the last one.
  void chosen(member const& m) {
    if (row_of(m) == nullptr) result.rows.back() = described(m);
    row_of(m)->verdict = "chosen";
    result.choice = m.id;
    result.error = pick_error::none;
  }

  void note(member const& m, char const* name, double value) {
    if (auto* r = row_of(m)) {
      for (auto& n : r->numbers)
        if (n.name == name) return void(n.value = value);
      r->numbers.push_back({name, value});
    }
  }

  // The flags that are set against a member, as far as the mask looks.
  health_flag against(member const& m, admission mask) const noexcept {
    return states_.health(m.id) & static_cast<health_flag>(mask);
  }

  static bool is_in(member const& m, array_view<member const> table) {
    for (member const& t : table)
      if (t.id == m.id) return true;
    return false;
  }

  row described(member const& m) const {
    row r{m.id, std::string{m.key()}, not_asked, {}};
    r.numbers.push_back({"weight", static_cast<double>(m.weight)});
    r.numbers.push_back({"in_flight", static_cast<double>(states_.load(m.id.slot))});
    if (m.priority != 0) r.numbers.push_back({"priority", static_cast<double>(m.priority)});
    return r;
  }

  row* row_of(member const& m) {
    for (auto& r : result.rows)
      if (r.id == m.id) return &r;
    if (result.rows.size() == Explanation::most_rows) return nullptr;
    return &result.rows.emplace_back(described(m));
  }

  static constexpr char const* not_asked = "not asked";

  struct aside {
    array_view<member const> these;
    std::string why;  // empty: their turn has come
  };

  state_table const& states_;
  std::vector<aside> aside_;
  widening const* widening_ = nullptr;
#if EQUIPOISE_EXCEPTIONS
  std::exception_ptr problem_;
#endif
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
