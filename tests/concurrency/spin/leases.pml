/* Leases and slot reuse, all interleavings: three pickers take and give while the pool removes, waits for zero and gives the
   slot on, twice. A picker may hold the tag of any owner so far: its snapshot may be old. Counts: two rows.
   Sequentially consistent; what weaker orders would do is the business of ../relacy.

   Mutants, each of which must fail: NO_VALIDATION, VALIDATE_FIRST, NO_WAITING, NO_GENERATION, GIVE_TWICE. */

#define PICKERS 3
#define OWNERS 3
#define ROWS 2

byte generation = 1;        /* the word: whose slot it is … */
bool removed = false;       /* … and what there is against them */
byte rows[ROWS];
byte holders[OWNERS + 1];   /* leases on each owner: what the protocol must know without being told */
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

proctype picker(byte row) {
  byte tag, turn = 0;
  bool ok;
  do
  :: turn == 2 -> break
  :: else ->
    turn++;
    select (tag : 1 .. generation);
#ifdef VALIDATE_FIRST
    validate(tag, ok);
    rows[row]++;
#else
    rows[row]++;
    validate(tag, ok);
#endif
    if
    :: ok ->
      holders[tag]++;
      assert(!freed[tag]);
      holders[tag]--;
#ifdef GIVE_TWICE
      rows[row]--;
#endif
      rows[row]--
    :: else -> rows[row]--
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
      :: r < ROWS -> sum = sum + rows[r]; r++
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
  assert(rows[0] == 0 && rows[1] == 0)
}
