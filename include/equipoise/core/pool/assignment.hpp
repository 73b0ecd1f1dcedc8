// SPDX-License-Identifier: MIT
// Makes the members of a pool be those of a list: what differs is worked out by key.
#pragma once

#include <equipoise/core/pool/transaction.hpp>

#include <bit>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// An entry of a list for pool::assign(), with attributes that replace those of the object.
template <class B>
struct entry {
  B backend;
  attributes attrs = {};
};

namespace detail {

// One call of assign(), in two walks over the list. The first finds out what is to be done, and refuses a bad list
// before anything has changed. The second does it.
template <class B>
class assignment {
  using transaction = detail::transaction<B>;
  using record = detail::record<B>;
  using numbers = attribute_numbers;

 public:
  assignment(transaction& t, assign_options const& options) noexcept : t_{t}, options_{options} {}

  template <class Range>
  result<assign_result> operator()(Range& backends) {
    if (without(options_.joins_with, settable_flags) != health_flag::none)
      return result<assign_result>::failure("equipoise: assign_options::joins_with " + to_string(options_.joins_with) +
                                            " has a flag that is the pool's own");
    look_up(backends);
    if (!done_.mistake.empty() && options_.on_bad_entry == bad_entry::refuse)
      return result<assign_result>::failure(std::move(done_.mistake));
    if (!done_.mistake.empty() && options_.on_bad_entry == bad_entry::keep_last_good) return refusal();
    if (options_.keep_last_good && left_ == 0) return refusal();
    if (!t_.slots_.has(slots_needed_)) {
      if (options_.on_bad_entry != bad_entry::keep_last_good)
        return result<assign_result>::failure(t_.slots_.shortage());
      done_.mistake = t_.slots_.shortage();
      return refusal();
    }

    t_.incomplete_ = true;
    remove_unlisted();
    apply(backends);
    put_in_order();
    t_.incomplete_ = false;  // also if one before this one was left half-way
    return std::move(done_);
  }

 private:
  enum class mark : char { none, skipped, joined };
  static constexpr auto nowhere = ~std::size_t{0};

  // What differs from the present members.
  struct difference {
    std::size_t index;  // in the list
    numbers attrs;
    bool is_other_object;
    std::string key;                       // of one that is no member yet
    difference* next_in_bucket = nullptr;  // by that key
  };

  // An element is a backend, of another type that converts to one, or an entry with one.
  template <class Element>
  static Element& object_in(Element& element) noexcept {
    return element;
  }
  static B& object_in(entry<B>& e) noexcept { return e.backend; }
  static B const& object_in(entry<B> const& e) noexcept { return e.backend; }
  template <class Element>
  static B take_object(Element& element) {
    if constexpr (std::copy_constructible<B>)
      return B(static_cast<B const&>(object_in(element)));
    else
      return std::move(object_in(element));
  }

  result<assign_result> refusal() {
    done_.refused = true;
    done_.kept = t_.size();
    done_.skipped = 0;
    if (done_.mistake.empty()) done_.mistake = "equipoise: the list is empty";
    return std::move(done_);
  }

  // Looks for the keys of a list. It expects the present order, which costs a comparison for each key; the others are
  // looked up.
  template <class Range>
  void look_up(Range& backends) {
    if constexpr (requires { std::size(backends); }) {
      members_.reserve(std::size(backends));
      marks_.reserve(std::size(backends));
    }
    count_assign();
    auto const now = t_.old_.all();
    std::size_t expected = 0;     // the index of the member that should be next
    std::uint32_t surprises = 0;  // in a row
    std::uint64_t last = 0;       // position
    for (auto const& element : backends) {
      B const& b = object_in(element);
      auto&& text = detail::key_from(b);
      std::string_view const key = detail::view_of(text);
      record* r = expected < now.size() ? &transaction::record_of(now[expected]) : nullptr;
      bool const is_as_expected = r != nullptr && !r->is_leaving && r->key == key;
      if (!is_as_expected) r = t_.find_record(key);
      if (!look_at(element, b, key, r)) continue;
      in_order_ = in_order_ && std::exchange(last, r->position) < r->position;
      surprises = is_as_expected ? 0 : surprises + 1;
      // Finding the place again costs more than looking up a key, so it is tried less and less often.
      if (is_as_expected)
        ++expected;
      else if (std::has_single_bit(surprises))
        expected = first_from(now, r->position + 1);
    }
    find_twins();
  }

  // Whether it is an entry for the member r.
  template <class Element>
  bool look_at(Element const& element, B const& b, std::string_view key, record* r) {
    std::size_t const i = members_.size();
    members_.push_back(r);
    marks_.push_back(mark::none);
    ++left_;
    bool const is_twin = r != nullptr && r->assigned == t_.index_.assigns;
    if (key.empty() || is_twin) {
      skip(i, is_twin ? listed_twice(key)
                      : "equipoise: a backend's key is empty, at index " + std::to_string(i) + " of the list");
      return false;
    }
    if (r != nullptr) r->assigned = t_.index_.assigns, ++known_;
    bool const is_other_object = r == nullptr || !same(r->value, b);
    if (!is_other_object && has_attributes(*r, b, element)) return true;
    difference d{i, {}, is_other_object, r == nullptr ? std::string{key} : std::string{}};
    std::string mistake;
    if (!read_numbers(d.attrs, b, element, key, mistake)) {
      skip(i, std::move(mistake), r);
      return r != nullptr;
    }
    if (r == nullptr || (is_other_object && options_.rejoin_changed)) ++slots_needed_;
    differences_.push_back(std::move(d));
    return r != nullptr;
  }

  // Finds the keys of no member that are listed twice.
  void find_twins() {
    key_index<difference> fresh;
    fresh.make_room(slots_needed_);
    for (difference& d : differences_) {
      if (members_[d.index] != nullptr) continue;
      if (fresh.find(d.key) == nullptr) {
        fresh.insert(d);
        continue;
      }
      --slots_needed_;
      skip(d.index, listed_twice(d.key));
    }
  }

  static std::string listed_twice(std::string_view key) {
    return "equipoise: key '" + std::string{key} + "' is listed twice";
  }
  // An entry for a member with a number out of range leaves it as it is.
  void skip(std::size_t i, std::string mistake, record* r = nullptr) {
    if (r == nullptr) marks_[i] = mark::skipped, --left_;
    members_[i] = r;
    ++done_.skipped;
    if (i > first_bad_) return;
    first_bad_ = i;
    done_.mistake = std::move(mistake);
  }

  // Each assign() marks the members that it lists with its number.
  void count_assign() noexcept {
    if (++t_.index_.assigns != 0) return;
    t_.for_each_member([](record& r) { r.assigned = 0; });
    t_.index_.assigns = 1;
  }

  void remove_unlisted() {
    if (known_ == t_.size()) return;
    std::vector<record*> unlisted;
    t_.for_each_member([&](record& r) {
      if (r.assigned != t_.index_.assigns) unlisted.push_back(&r);
    });
    for (record* r : unlisted) t_.leave(*r);
    done_.removed += unlisted.size();
  }

  template <class Range>
  void apply(Range& backends) {
    std::size_t i = 0, k = 0;
    for (auto&& element : backends) {
      std::size_t const at = i++;
      if (k == differences_.size()) break;
      if (differences_[k].index != at) continue;
      difference& d = differences_[k++];
      if (marks_[at] == mark::skipped) continue;
      record*& member = members_[at];
      if (member == nullptr) {
        member = &join(element, d.attrs, std::move(d.key));
        marks_[at] = mark::joined;
        ++done_.added;
      } else if (!d.is_other_object) {
        t_.set_listed(*member, d.attrs);
        ++done_.updated;
      } else if (options_.rejoin_changed) {
        std::string key{member->key};
        t_.leave(*member);
        member = &join(element, d.attrs, std::move(key));
        marks_[at] = mark::joined;
        ++done_.removed, ++done_.added;
      } else {
        member = &t_.replace(*member, take_object(element));
        t_.set_listed(*member, d.attrs);
        ++done_.replaced;
      }
    }
    done_.kept = t_.size() - done_.added - done_.replaced - done_.updated;
  }

  template <class Element>
  record& join(Element& element, numbers const& n, std::string key) {
    record& r = t_.join(take_object(element), n, std::move(key));
    r.joins_with = static_cast<std::uint16_t>(options_.joins_with);
    if (options_.joined_at != time_point{}) t_.slots_.states().starts().note(r.id, options_.joined_at);
    return r;
  }

  // Gives all members the order of the list that was assigned. Those that have just joined find room between others.
  void put_in_order() {
    leave_out_skipped();
    done_.reordered = !in_order_;
    std::size_t between = 0;  // how many have joined between others
    bool const fits = in_order_ && find_room(between);
    if (fits && !t_.is_reordered_ && between <= member_lists<record>::few) return;
    t_.order_.assign(members_.begin(), members_.end());
    t_.is_reordered_ = true;
    if (fits) return;
    t_.index_.last_position = 0;
    for (record* r : members_) r->position = t_.next_position();
    t_.changed_ = true;
  }
  void leave_out_skipped() noexcept {
    if (done_.skipped == 0) return;
    std::size_t n = 0;
    for (std::size_t i = 0; i != members_.size(); ++i) {
      if (marks_[i] == mark::skipped) continue;
      members_[n] = members_[i];
      marks_[n++] = marks_[i];
    }
    members_.resize(n);
    marks_.resize(n);
  }
  // False if there is none.
  bool find_room(std::size_t& between) noexcept {
    auto const& all = members_;
    for (std::size_t i = 0; i != all.size(); ++i) {
      if (marks_[i] != mark::joined) continue;
      std::size_t const first = i;
      while (i + 1 != all.size() && marks_[i + 1] == mark::joined) ++i;
      std::uint64_t last = first != 0 ? all[first - 1]->position : 0;
      bool const is_last = i + 1 == all.size();
      std::uint64_t const step = is_last ? 0 : (all[i + 1]->position - last) / (i + 2 - first);
      if (step == 0 && !is_last) return false;
      if (!is_last) between += i + 1 - first;
      for (std::size_t k = first; k <= i; ++k) all[k]->position = is_last ? t_.next_position() : last += step;
    }
    return true;
  }

  template <class Element>
  bool read_numbers(numbers& n, B const& b, Element const&, std::string_view key, std::string& mistake) {
    attributes a;
    return detail::read_attributes(a, b, key, mistake) && t_.read_numbers(n, a, key, mistake);
  }
  bool read_numbers(numbers& n, B const&, entry<B> const& e, std::string_view key, std::string& mistake) {
    return t_.read_numbers(n, e.attrs, key, mistake);
  }

  // Whether a member's list has given it these attributes already. Out of range counts as different.
  template <class Element>
  bool has_attributes(record const& r, B const& b, Element const&) const {
    numbers const listed = t_.listed_for(r);
    auto const is = [](auto const& given, std::uint32_t value, std::uint32_t usual) {
      if constexpr (std::same_as<std::remove_cvref_t<decltype(given)>, not_given>)
        return value == usual;
      else
        return std::cmp_equal(given, value);
    };
    if (!is(detail::weight_from(b), listed.weight, 1) || !is(detail::priority_from(b), listed.priority, 0))
      return false;
    if constexpr (std::same_as<decltype(detail::zone_from(b)), not_given>)
      return listed.zone == 0;
    else
      return t_.index_.zones[listed.zone] == detail::view_of(detail::zone_from(b));
  }
  bool has_attributes(record const& r, B const&, entry<B> const& e) const {
    return t_.index_.attributes_of(t_.listed_for(r)) == e.attrs;
  }

  // Objects of a type without == are never known to be the same.
  static bool same(B const& a, B const& b) {
    if constexpr (std::equality_comparable<B>)
      return a == b;
    else
      return false;
  }

  transaction& t_;
  assign_options options_;
  assign_result done_;
  std::vector<record*> members_;         // in the order of the list; null for a key that is no member's
  std::vector<mark> marks_;              // beside them
  std::vector<difference> differences_;  // in the order of the list
  std::size_t left_ = 0;                 // how many entries are not skipped
  std::size_t known_ = 0;                // how many are members
  std::size_t slots_needed_ = 0;
  std::size_t first_bad_ = nowhere;
  bool in_order_ = true;  // whether those that are members have their present order
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise
