// SPDX-License-Identifier: MIT
/* Leases and slot reuse in all interleavings. Three pickers take and give leases. Meanwhile the pool removes the owner, waits
   for zero, and gives the slot to the next owner, twice. A picker may hold the tag of any owner so far, because its snapshot may
   be old. There are two counter stripes. The model is sequentially consistent. ../relacy checks weaker memory orders.

   These mutants must fail: NO_VALIDATION, VALIDATE_FIRST, NO_WAITING, NO_GENERATION, GIVE_TWICE. */

#define PICKERS 3
#define OWNERS 3
#define STRIPES 2

byte generation = 1;        /* the word's tag, which names the owner of the slot … */
bool removed = false;       /* … and the word's flag against that owner */
byte stripes[STRIPES];
byte holders[OWNERS + 1];   /* leases on each owner, which the protocol itself cannot read */
bool freed[OWNERS + 1];
byte running = PICKERS;

inline validate(tag, ok) {
#ifdef NO_VALIDATION
  ok = true
#else
#ifdef NO_GENERATION
  d_step { ok = !removed }
#else
  d_step { ok = (generation == tag && !removed) }
#endif
#endif
}

proctype picker(byte stripe) {
  byte tag, turn = 0;
  bool ok;
  do
  :: turn == 2 -> break
  :: else ->
    turn++;
    select (tag : 1 .. generation);
#ifdef VALIDATE_FIRST
    validate(tag, ok);
    stripes[stripe]++;
#else
    stripes[stripe]++;
    validate(tag, ok);
#endif
    if
    :: ok ->
      holders[tag]++;
      assert(!freed[tag]);
      holders[tag]--;
#ifdef GIVE_TWICE
      stripes[stripe]--;
#endif
      stripes[stripe]--
    :: else -> stripes[stripe]--
    fi
  od;
  running--
}

proctype pool() {
  byte owner = 1, sum, r;
  do
  :: owner == OWNERS -> break
  :: else ->
    removed = true;
#ifndef NO_WAITING
    do
    :: true ->
      sum = 0; r = 0;
      do
      :: r < STRIPES -> sum = sum + stripes[r]; r++
      :: else -> break
      od;
      if
      :: sum == 0 -> break
      :: else -> skip
      fi
    od;
#endif
    atomic { assert(holders[owner] == 0); freed[owner] = true };
    owner++;
    d_step { generation = owner; removed = false }
  od
}

init {
  atomic { run pool(); run picker(0); run picker(1); run picker(0) };
  (running == 0);
  assert(stripes[0] == 0 && stripes[1] == 0)
}
