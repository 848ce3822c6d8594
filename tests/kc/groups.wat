;; groups, printed by Quern
(module
  (import "env" "memory" (memory 0))
  (import "env" "__stack_pointer" (global $stack (mut i32)))
  (import "math" "from_f16" (func $from_f16 (param i32) (result f32)))
  (import "math" "to_f16" (func $to_f16 (param f32) (result i32)))
  (func (export "qk_run") (param $args i32) (param $from i32) (param $to i32)
    (local $group i32)
    (local $x i32)
    (local $y i32)
    (local $low i32)
    (local $counts i32)
    (local $ends i32)
    (local $sum i32)
    (local $n i32)
    (local $t i32)
    (local $half i32)
    (local $t.13 i32)
    (local $t.14 i32)
    (local $t.15 i32)
    (local $top f32)
    (local $t.17 i32)
    (local $frame i32)
    (local $19 i32)
    (local $20 i32)
    (local $21 i32)
    (local $22 i32)
    (local $23 i32)
    (local $24 i32)
    (local $25 i32)
    (local $26 i32)
    (local $27 i32)
    (local $28 i32)
    (local $29 i32)
    (local $30 i32)
    (local $31 i32)
    (local $32 i32)
    (local $33 i32)
    (local $34 i32)
    (local $35 i32)
    (local $36 i32)
    (local $37 i32)
    (local $38 i32)
    (local $39 i32)
    (local $40 i32)
    (local $41 i32)
    (local $42 i32)
    (local $43 i32)
    (local $44 i32)
    (local $45 i32)
    (local $46 i32)
    (local $47 i32)
    (local $48 i32)
    (local $49 i32)
    (local $50 i32)
    (local $51 i32)
    (local $52 f32)
    (local $53 f32)
    (local $54 f32)
    global.get $stack
    i32.const 192
    i32.sub
    local.tee $frame
    global.set $stack
    local.get $args
    i32.load align=4
    i32.load align=4
    local.set $x
    local.get $args
    i32.load align=4
    i32.load offset=4 align=4
    local.set $y
    local.get $args
    i32.load align=4
    i32.load offset=8 align=4
    local.set $low
    local.get $args
    i32.load align=4
    i32.load offset=12 align=4
    local.set $counts
    local.get $args
    i32.load align=4
    i32.load offset=16 align=4
    local.set $ends
    local.get $args
    i32.load align=4
    i32.load offset=20 align=4
    local.set $sum
    local.get $args
    i32.load offset=4 align=4
    i32.load align=4
    local.set $n
    local.get $from
    local.set $group
    block
      loop
        local.get $to
        local.get $group
        i32.sub
        i32.const 1
        i32.lt_u
        br_if 1
        block
          local.get $group
          local.get $n
          i32.ge_u
          if
            br 1
          end
          i32.const 0
          local.set $t
          loop
            local.get $frame
            local.get $t
            i32.const 8
            i32.mul
            i32.add
            i32.const 0
            i32.const 4
            i32.mul
            i32.add
            local.get $x
            local.get $group
            i32.const 8
            i32.mul
            local.get $t
            i32.add
            i32.const 2
            i32.mul
            i32.add
            i32.load16_u align=2
            call $from_f16
            f32.store offset=128 align=4
            local.get $frame
            local.get $t
            i32.const 8
            i32.mul
            i32.add
            i32.const 1
            i32.const 4
            i32.mul
            i32.add
            local.get $frame
            local.get $t
            i32.const 8
            i32.mul
            i32.add
            i32.const 0
            i32.const 4
            i32.mul
            i32.add
            f32.load offset=128 align=4
            f32.const 2
            f32.mul
            f32.store offset=128 align=4
            local.get $frame
            local.get $t
            i32.const 4
            i32.mul
            i32.add
            local.get $frame
            local.get $t
            i32.const 8
            i32.mul
            i32.add
            i32.const 1
            i32.const 4
            i32.mul
            i32.add
            f32.load offset=128 align=4
            f32.store align=4
            local.get $frame
            local.get $t
            i32.const 8
            i32.mul
            i32.add
            i32.const 0
            i32.const 4
            i32.mul
            i32.add
            local.get $t
            i32.store offset=32 align=4
            local.get $frame
            local.get $t
            i32.const 8
            i32.mul
            i32.add
            i32.const 1
            i32.const 4
            i32.mul
            i32.add
            i32.const -1
            i32.store offset=32 align=4
            local.get $t
            i32.const 1
            i32.add
            local.set $t
            local.get $t
            i32.const 8
            i32.lt_u
            br_if 0
          end
          i32.const 4
          local.set $half
          block
            loop
              local.get $half
              i32.const 0
              i32.gt_u
              i32.eqz
              br_if 1
              block
                i32.const 0
                local.set $t.13
                loop
                  local.get $t.13
                  local.get $half
                  i32.lt_u
                  if
                    local.get $frame
                    local.get $t.13
                    i32.const 4
                    i32.mul
                    i32.add
                    local.get $frame
                    local.get $t.13
                    i32.const 4
                    i32.mul
                    i32.add
                    f32.load align=4
                    local.get $frame
                    local.get $t.13
                    local.get $half
                    i32.add
                    i32.const 4
                    i32.mul
                    i32.add
                    f32.load align=4
                    f32.max
                    f32.store align=4
                  end
                  local.get $t.13
                  i32.const 1
                  i32.add
                  local.set $t.13
                  local.get $t.13
                  i32.const 8
                  i32.lt_u
                  br_if 0
                end
              end
              local.get $half
              i32.const 2
              i32.div_u
              local.set $half
              br 0
            end
          end
          local.get $n
          i32.const 2
          i32.gt_u
          if
            i32.const 0
            local.set $t.14
            loop
              local.get $frame
              local.get $t.14
              i32.const 4
              i32.mul
              i32.add
              local.get $counts
              local.get $t.14
              i32.const 3
              i32.and
              i32.const 4
              i32.mul
              i32.add
              local.set $19
              i32.const 1
              local.set $21
              local.get $19
              i32.load align=4
              local.set $20
              local.get $19
              local.get $20
              local.get $21
              i32.add
              i32.store align=4
              local.get $20
              i32.store offset=96 align=4
              local.get $ends
              i32.const 0
              i32.const 4
              i32.mul
              i32.add
              local.set $23
              local.get $frame
              local.get $t.14
              i32.const 8
              i32.mul
              i32.add
              i32.const 0
              i32.const 4
              i32.mul
              i32.add
              i32.load offset=32 align=4
              local.set $25
              local.get $23
              i32.load align=4
              local.set $24
              local.get $23
              local.get $24
              local.get $25
              local.get $24
              local.get $25
              i32.lt_s
              select
              i32.store align=4
              local.get $24
              drop
              local.get $ends
              i32.const 1
              i32.const 4
              i32.mul
              i32.add
              local.set $27
              local.get $frame
              i32.const 7
              local.get $t.14
              i32.sub
              i32.const 8
              i32.mul
              i32.add
              i32.const 0
              i32.const 4
              i32.mul
              i32.add
              i32.load offset=32 align=4
              local.set $29
              local.get $27
              i32.load align=4
              local.set $28
              local.get $27
              local.get $28
              local.get $29
              local.get $28
              local.get $29
              i32.gt_s
              select
              i32.store align=4
              local.get $28
              drop
              local.get $counts
              i32.const 4
              i32.const 4
              i32.mul
              i32.add
              local.set $31
              local.get $t.14
              i32.const -1
              i32.xor
              local.set $33
              local.get $31
              i32.load align=4
              local.set $32
              local.get $31
              local.get $32
              local.get $33
              i32.and
              i32.store align=4
              local.get $32
              drop
              local.get $counts
              i32.const 5
              i32.const 4
              i32.mul
              i32.add
              local.set $35
              local.get $t.14
              local.set $37
              local.get $35
              i32.load align=4
              local.set $36
              local.get $35
              local.get $36
              local.get $37
              i32.or
              i32.store align=4
              local.get $36
              drop
              local.get $counts
              i32.const 6
              i32.const 4
              i32.mul
              i32.add
              local.set $39
              local.get $t.14
              local.set $41
              local.get $39
              i32.load align=4
              local.set $40
              local.get $39
              local.get $40
              local.get $41
              i32.xor
              i32.store align=4
              local.get $40
              drop
              local.get $counts
              i32.const 7
              i32.const 4
              i32.mul
              i32.add
              local.set $43
              local.get $t.14
              local.set $45
              local.get $43
              i32.load align=4
              local.set $44
              local.get $43
              local.get $45
              i32.store align=4
              local.get $44
              drop
              local.get $counts
              i32.const 8
              i32.const 4
              i32.mul
              i32.add
              local.set $47
              i32.const 0
              local.set $50
              local.get $t.14
              local.set $49
              local.get $47
              i32.load align=4
              local.set $48
              local.get $47
              local.get $49
              local.get $48
              local.get $48
              local.get $50
              i32.eq
              select
              i32.store align=4
              local.get $48
              drop
              local.get $sum
              i32.const 0
              i32.const 4
              i32.mul
              i32.add
              local.set $51
              local.get $frame
              local.get $t.14
              i32.const 8
              i32.mul
              i32.add
              i32.const 0
              i32.const 4
              i32.mul
              i32.add
              f32.load offset=128 align=4
              local.set $53
              local.get $51
              f32.load align=4
              local.set $52
              local.get $51
              local.get $52
              local.get $53
              f32.add
              f32.store align=4
              local.get $52
              drop
              local.get $t.14
              i32.const 1
              i32.add
              local.set $t.14
              local.get $t.14
              i32.const 8
              i32.lt_u
              br_if 0
            end
          else
            i32.const 0
            local.set $t.15
            loop
              local.get $frame
              local.get $t.15
              i32.const 4
              i32.mul
              i32.add
              i32.const 0
              i32.store offset=96 align=4
              local.get $t.15
              i32.const 1
              i32.add
              local.set $t.15
              local.get $t.15
              i32.const 8
              i32.lt_u
              br_if 0
            end
          end
          local.get $frame
          i32.const 0
          i32.const 4
          i32.mul
          i32.add
          f32.load align=4
          local.set $top
          i32.const 0
          local.set $t.17
          loop
            local.get $y
            local.get $group
            i32.const 8
            i32.mul
            local.get $t.17
            i32.add
            i32.const 2
            i32.mul
            i32.add
            local.get $top
            local.get $frame
            local.get $t.17
            i32.const 8
            i32.mul
            i32.add
            i32.const 1
            i32.const 4
            i32.mul
            i32.add
            f32.load offset=128 align=4
            f32.sub
            call $to_f16
            i32.store16 align=2
            local.get $low
            local.get $group
            i32.const 8
            i32.mul
            local.get $t.17
            i32.add
            i32.add
            local.get $frame
            local.get $t.17
            i32.const 4
            i32.mul
            i32.add
            i32.load offset=96 align=4
            local.get $frame
            local.get $t.17
            i32.const 8
            i32.mul
            i32.add
            i32.const 1
            i32.const 4
            i32.mul
            i32.add
            i32.load offset=32 align=4
            i32.add
            i32.const 255
            i32.and
            i32.store8 align=1
            local.get $t.17
            i32.const 1
            i32.add
            local.set $t.17
            local.get $t.17
            i32.const 8
            i32.lt_u
            br_if 0
          end
        end
        local.get $group
        i32.const 1
        i32.add
        local.set $group
        br 0
      end
    end
    local.get $frame
    i32.const 192
    i32.add
    global.set $stack
  )
)
