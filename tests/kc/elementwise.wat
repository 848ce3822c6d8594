;; elementwise, printed by Quern
(module
  (import "env" "memory" (memory 0))
  (import "env" "__stack_pointer" (global $stack (mut i32)))
  (import "math" "from_f16" (func $from_f16 (param i32) (result f32)))
  (import "math" "sigmoid_f32" (func $sigmoid_f32 (param f32) (result f32)))
  (import "math" "to_f16" (func $to_f16 (param f32) (result i32)))
  (func (export "qk_run") (param $args i32) (param $from i32) (param $to i32)
    (local $i i32)
    (local $x i32)
    (local $scale i32)
    (local $by f32)
    (local $act i32)
    (local $cols i32)
    (local $v f32)
    (local $frame i32)
    (local $out i32)
    (local $result i32)
    (local $13 i32)
    (local $14 i32)
    (local $15 f32)
    local.get $args
    i32.load align=4
    i32.load align=4
    local.set $x
    local.get $args
    i32.load align=4
    i32.load offset=4 align=4
    local.set $scale
    local.get $args
    i32.load offset=4 align=4
    f32.load align=4
    local.set $by
    local.get $args
    i32.load offset=4 align=4
    i32.load offset=4 align=4
    local.set $act
    local.get $args
    i32.load offset=4 align=4
    i32.load offset=8 align=4
    local.set $cols
    local.get $args
    i32.load align=4
    i32.load offset=8 align=4
    local.set $out
    local.get $from
    local.set $i
    block
      loop
        local.get $to
        local.get $i
        i32.sub
        i32.const 1
        i32.lt_u
        br_if 1
        block
          local.get $x
          local.get $i
          i32.const 2
          i32.mul
          i32.add
          i32.load16_u align=2
          call $from_f16
          local.get $scale
          local.get $i
          local.tee $13
          local.get $cols
          local.set $14
          i32.const 1
          local.get $14
          local.get $14
          i32.eqz
          select
          i32.rem_u
          i32.const 2
          i32.mul
          i32.add
          i32.load16_u align=2
          call $from_f16
          f32.mul
          local.get $by
          f32.add
          local.set $v
          local.get $act
          i32.const 1
          i32.eq
          if
            local.get $v
            f32.const 0
            f32.max
            local.set $v
          else
            local.get $act
            i32.const 2
            i32.eq
            if
              local.get $v
              local.get $v
              f32.const 6
              f32.div
              f32.const 0.5
              f32.add
              f32.const 0
              f32.max
              f32.const 1
              f32.min
              f32.mul
              local.set $v
            else
              local.get $v
              call $sigmoid_f32
              local.set $v
            end
          end
          local.get $v
          local.tee $15
          local.get $15
          f32.ne
          if (result f32)
            f32.const 0
          else
            local.get $v
          end
          call $to_f16
          local.set $result
          br 0
        end
        local.get $out
        local.get $i
        i32.const 2
        i32.mul
        i32.add
        local.get $result
        i32.store16 align=2
        local.get $i
        i32.const 1
        i32.add
        local.set $i
        br 0
      end
    end
  )
)
