// SPDX-License-Identifier: MIT
/* A member that a detector puts out, in all interleavings. Two threads report failures and successes, a third opens trials, a
   fourth removes the member and lets another one take its slot. The model is sequentially consistent. ../relacy checks weaker
   memory orders.

   These mutants must fail: NOT_WON, FORGETS_THE_LIST, CLEARS_LATE, ADOPTS_EARLY, KEEPS_THE_PLACE, IGNORES_THE_TAG. */

#define REPORTERS 2
#define TURNS 2

mtype = { in, changing, out, half_open, on_trial, back };

mtype state = in;
byte tag = 1;            /* of the membership that the numbers belong to */
byte member = 1;         /* the member of the slot; 0 for none */
bool flag;               /* whether that member is kept out */
byte count;              /* places that are taken; the limit is 1 */
bool listed;             /* on the detector's list */
byte opened;             /* trials that may begin */
byte left = REPORTERS + 1;

inline change(from, to, ok) { d_step { if :: state == from -> state = to; ok = true :: else -> ok = false fi } }
inline take(from, id, ok) {
  change(from, changing, ok);
#ifndef IGNORES_THE_TAG
  if :: ok && tag != id -> state = from; ok = false :: else fi
#endif
}
inline set_flag(id) { d_step { if :: member == id -> flag = true :: else fi } }
inline clear_flag(id) { d_step { if :: member == id -> flag = false :: else fi } }

/* The numbers of a membership that reports: they are those of the last one until it is off the list. */
inline adopt(id, ok) {
  atomic {
    if
    :: tag == id -> ok = true
#ifdef ADOPTS_EARLY
    :: tag != id && member == id -> tag = id; state = in; ok = true
#else
    :: tag != id && member == id && state == in -> tag = id; ok = true
#endif
    :: else -> ok = false
    fi
  }
}

inline put_out(id) {
  was = state;
  if
  :: was != out && was != changing ->
    take(was, id, ok);
    if
    :: ok && was != in ->
      set_flag(id);
      state = out
    :: ok && was == in ->
      d_step { if :: count < 1 -> count++; ok = true :: else -> ok = false fi }
      if
      :: ok ->
        d_step { ok = (member == id); flag = flag || ok }
        if
        :: ok -> d_step { assert(!listed); listed = true } state = out
        :: else -> d_step { count-- } state = in
        fi
      :: else -> state = in
      fi
    :: else
    fi
  :: else
  fi
}

inline revive(id) {
  take(on_trial, id, ok);
  if :: !ok -> take(half_open, id, ok) :: else fi;
  if
  :: ok ->
#ifdef CLEARS_LATE
    state = back;
    clear_flag(id)
#else
    clear_flag(id);
#ifdef FORGETS_THE_LIST
    d_step { count-- }
    state = in
#else
    state = back
#endif
#endif
  :: else
  fi
}

proctype reporter() {
  byte turn, id;
  bool ok;
  mtype was;
  do
  :: turn == TURNS -> break
  :: else ->
    turn++;
    id = (member != 0 -> member : 1);
    adopt(id, ok);
    if
    :: ok ->
      if
      :: put_out(id)
      :: skip ->
#ifdef NOT_WON
        ok = (state == half_open);
#else
        take(half_open, id, ok);
#endif
        if
        :: ok ->
          set_flag(id);
          d_step { assert(opened != 0); opened-- }
          state = on_trial;
          if :: put_out(id) :: revive(id) fi
        :: else
        fi
      fi
    :: else
    fi
  od;
  left--
}

/* One pass of advance(). `over`: the time of those that are out has passed. */
inline advance(over) {
  if
  :: listed ->
    was = state;
    if
    :: was != changing && (was == back || member != tag) ->
      change(was, changing, ok);
      if
      :: ok ->
        d_step { listed = false } clear_flag(tag);
#ifndef KEEPS_THE_PLACE
        d_step { count-- }
#endif
        state = in
      :: else
      fi
    :: was == out && member == tag && over ->
      change(out, changing, ok);
      if :: ok -> clear_flag(tag); d_step { state = half_open; opened = 1 } :: else fi
    :: else
    fi
  :: else
  fi
}

proctype detector() {
  byte turn;
  bool ok;
  mtype was;
  do
  :: turn == 3 -> break
  :: else -> turn++; advance(true)
  od;
  left--
}

proctype pool() {
  if
  :: d_step { member = 0; flag = false } d_step { member = 2; flag = false }
  :: skip
  fi
}

init {
  bool ok;
  mtype was;
  atomic { run reporter(); run reporter(); run detector(); run pool() }
  (left == 0 && _nr_pr == 1);
  /* At rest, the flag is that of the state, and a place is taken by those on the list. */
  assert(state != changing);
  assert(count == (listed -> 1 : 0));
  assert(member != tag || flag == (state == out || state == on_trial));
  assert(listed == (state != in));
  /* There is always a way back. */
  advance(true);
  if :: state == half_open -> revive(tag) :: else fi;
  if :: state == on_trial -> revive(tag) :: else fi;
  advance(true);
  advance(true);
  assert(!listed && count == 0);
  assert(member != tag || !flag)
}
