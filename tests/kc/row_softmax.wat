;; row_softmax, printed by Quern
(module
  (import "env" "memory" (memory 0))
  (import "env" "__stack_pointer" (global $stack (mut i32)))
  (import "math" "exp_f32" (func $exp_f32 (param f32) (result f32)))
  (func (export "qk_run") (param $args i32) (param $from i32) (param $to i32)
    (local $row i32)
    (local $x i32)
    (local $y i32)
    (local $cols i32)
    (local $t i32)
    (local $m f32)
    (local $c i32)
    (local $half i32)
    (local $t.11 i32)
    (local $highest f32)
    (local $t.13 i32)
    (local $sum f32)
    (local $c.15 i32)
    (local $half.16 i32)
    (local $t.17 i32)
    (local $t.18 i32)
    (local $c.19 i32)
    (local $frame i32)
    global.get $stack
    i32.const 256
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
    i32.load offset=4 align=4
    i32.load align=4
    local.set $cols
    local.get $from
    local.set $row
    block
      loop
        local.get $to
        local.get $row
        i32.sub
        i32.const 1
        i32.lt_u
        br_if 1
        block
          local.get $cols
          i32.const 0
          i32.eq
          if
            br 1
          end
          i32.const 0
          local.set $t
          loop
            f32.const -inf
            local.set $m
            local.get $t
            local.set $c
            block
              loop
                local.get $c
                local.get $cols
                i32.lt_u
                i32.eqz
                br_if 1
                block
                  local.get $m
                  local.get $x
                  local.get $row
                  local.get $cols
                  i32.mul
                  local.get $c
                  i32.add
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load align=4
                  f32.max
                  local.set $m
                end
                local.get $c
                i32.const 32
                i32.add
                local.set $c
                br 0
              end
            end
            local.get $frame
            local.get $t
            i32.const 4
            i32.mul
            i32.add
            local.get $m
            f32.store align=4
            local.get $t
            i32.const 1
            i32.add
            local.set $t
            local.get $t
            i32.const 32
            i32.lt_u
            br_if 0
          end
          i32.const 16
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
                local.set $t.11
                loop
                  local.get $t.11
                  local.get $half
                  i32.lt_u
                  if
                    local.get $frame
                    local.get $t.11
                    i32.const 4
                    i32.mul
                    i32.add
                    local.get $frame
                    local.get $t.11
                    i32.const 4
                    i32.mul
                    i32.add
                    f32.load align=4
                    local.get $frame
                    local.get $t.11
                    local.get $half
                    i32.add
                    i32.const 4
                    i32.mul
                    i32.add
                    f32.load align=4
                    f32.max
                    f32.store align=4
                  end
                  local.get $t.11
                  i32.const 1
                  i32.add
                  local.set $t.11
                  local.get $t.11
                  i32.const 32
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
          local.get $frame
          i32.const 0
          i32.const 4
          i32.mul
          i32.add
          f32.load align=4
          local.set $highest
          i32.const 0
          local.set $t.13
          loop
            f32.const 0
            local.set $sum
            local.get $frame
            local.get $t.13
            i32.const 4
            i32.mul
            i32.add
            local.get $highest
            f32.store offset=128 align=4
            local.get $t.13
            local.set $c.15
            block
              loop
                local.get $c.15
                local.get $cols
                i32.lt_u
                i32.eqz
                br_if 1
                block
                  local.get $sum
                  local.get $x
                  local.get $row
                  local.get $cols
                  i32.mul
                  local.get $c.15
                  i32.add
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load align=4
                  local.get $highest
                  f32.sub
                  call $exp_f32
                  f32.add
                  local.set $sum
                end
                local.get $c.15
                i32.const 32
                i32.add
                local.set $c.15
                br 0
              end
            end
            local.get $frame
            local.get $t.13
            i32.const 4
            i32.mul
            i32.add
            local.get $sum
            f32.store align=4
            local.get $t.13
            i32.const 1
            i32.add
            local.set $t.13
            local.get $t.13
            i32.const 32
            i32.lt_u
            br_if 0
          end
          i32.const 16
          local.set $half.16
          block
            loop
              local.get $half.16
              i32.const 0
              i32.gt_u
              i32.eqz
              br_if 1
              block
                i32.const 0
                local.set $t.17
                loop
                  local.get $t.17
                  local.get $half.16
                  i32.lt_u
                  if
                    local.get $frame
                    local.get $t.17
                    i32.const 4
                    i32.mul
                    i32.add
                    local.get $frame
                    local.get $t.17
                    i32.const 4
                    i32.mul
                    i32.add
                    f32.load align=4
                    local.get $frame
                    local.get $t.17
                    local.get $half.16
                    i32.add
                    i32.const 4
                    i32.mul
                    i32.add
                    f32.load align=4
                    f32.add
                    f32.store align=4
                  end
                  local.get $t.17
                  i32.const 1
                  i32.add
                  local.set $t.17
                  local.get $t.17
                  i32.const 32
                  i32.lt_u
                  br_if 0
                end
              end
              local.get $half.16
              i32.const 2
              i32.div_u
              local.set $half.16
              br 0
            end
          end
          i32.const 0
          local.set $t.18
          loop
            local.get $t.18
            local.set $c.19
            block
              loop
                local.get $c.19
                local.get $cols
                i32.lt_u
                i32.eqz
                br_if 1
                block
                  local.get $y
                  local.get $row
                  local.get $cols
                  i32.mul
                  local.get $c.19
                  i32.add
                  i32.const 4
                  i32.mul
                  i32.add
                  local.get $x
                  local.get $row
                  local.get $cols
                  i32.mul
                  local.get $c.19
                  i32.add
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load align=4
                  local.get $frame
                  local.get $t.18
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load offset=128 align=4
                  f32.sub
                  call $exp_f32
                  local.get $frame
                  i32.const 0
                  i32.const 4
                  i32.mul
                  i32.add
                  f32.load align=4
                  f32.div
                  f32.store align=4
                end
                local.get $c.19
                i32.const 32
                i32.add
                local.set $c.19
                br 0
              end
            end
            local.get $t.18
            i32.const 1
            i32.add
            local.set $t.18
            local.get $t.18
            i32.const 32
            i32.lt_u
            br_if 0
          end
        end
        local.get $row
        i32.const 1
        i32.add
        local.set $row
        br 0
      end
    end
    local.get $frame
    i32.const 256
    i32.add
    global.set $stack
  )
)
