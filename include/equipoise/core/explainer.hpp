// Gathers an explanation while a pick goes by.
#pragma once

#include <equipoise/core/explanation.hpp>

#include <exception>

namespace equipoise::inline EQUIPOISE_ABI::detail {

class explainer final : public recorder {
 public:
  explainer(registry const& r, std::string policy) : registry_{r} { result.policy = std::move(policy); }

  void compared(member const& m, char const* name, double value) noexcept override {
    guarded([&] { note(m, name, value); });
  }

  void refused(member const* m, char const* why) noexcept override {
    guarded([&] { m != nullptr ? judged(*m, why) : void(result.detail = why); });
  }

  void judged(member const& m, std::string verdict) {
    if (auto* r = row_of(m); r != nullptr && r->verdict == "not asked") r->verdict = std::move(verdict);
  }

  // The chosen one always has a row, if need be in the place of the last.
  void chosen(member const& m) {
    if (row_of(m) == nullptr) result.rows.back() = described(m);
    row_of(m)->verdict = "chosen";
    result.choice = m.id;
    result.why = cause::none;
  }

  // What there is against a member, as far as the mask looks.
  reason against(member const& m, admission mask) const noexcept {
    return registry_.reasons(m.id) & static_cast<reason>(mask);
  }

  // The rest: those that the policy passed over by itself, for a reason of their own or for none. Gives the whole.
  explanation finished(std::span<member const> everybody, std::span<member const> table, pick_options const& options) {
#if EQUIPOISE_EXCEPTIONS
    if (problem_ != nullptr) std::rethrow_exception(problem_);
#endif
    for (member const& m : everybody) {
      auto* const r = row_of(m);
      if (r == nullptr || r->verdict != "not asked") continue;
      if (auto const reasons = against(m, options.mask); reasons != reason::none)
        r->verdict = to_string(reasons);
      else if (std::find(options.tried.begin(), options.tried.end(), m.id) != options.tried.end())
        r->verdict = "tried";
      else if (!is_in(m, table))
        r->verdict = "not in the table";
    }
    result.more = everybody.size() > result.rows.size() ? everybody.size() - result.rows.size() : 0;
    return std::move(result);
  }

  explanation result;

 private:
  // Called from within propose(), which must not throw: what goes wrong is thrown by finished().
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

  void note(member const& m, char const* name, double value) {
    if (auto* r = row_of(m)) {
      for (auto& n : r->numbers)
        if (n.name == name) return void(n.value = value);
      r->numbers.push_back({name, value});
    }
  }

  static bool is_in(member const& m, std::span<member const> table) {
    for (member const& t : table)
      if (t.id == m.id) return true;
    return false;
  }

  explanation::row described(member const& m) const {
    return {m.id, std::string{m.key()}, "not asked",
            {{"weight", static_cast<double>(m.weight)}, {"in_flight", static_cast<double>(registry_.load(m.id.slot))}}};
  }

  explanation::row* row_of(member const& m) {
    for (auto& r : result.rows)
      if (r.id == m.id) return &r;
    if (result.rows.size() == explanation::most_rows) return nullptr;
    return &result.rows.emplace_back(described(m));
  }

  registry const& registry_;
#if EQUIPOISE_EXCEPTIONS
  std::exception_ptr problem_;
#endif
};

}  // namespace equipoise::inline EQUIPOISE_ABI::detail
