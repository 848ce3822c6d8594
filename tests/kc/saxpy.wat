;; saxpy, printed by Quern
(module
  (import "env" "memory" (memory 0))
  (import "env" "__stack_pointer" (global $stack (mut i32)))
  (func (export "qk_run") (param $args i32) (param $from i32) (param $to i32)
    (local $i i32)
    (local $x i32)
    (local $y i32)
    (local $a f32)
    (local $frame i32)
    (local $out i32)
    (local $result f32)
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
    f32.load align=4
    local.set $a
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
        i32.const 4
        i32.lt_u
        br_if 1
        local.get $out
        local.get $i
        i32.const 4
        i32.mul
        i32.add
        local.get $a
        f32x4.splat
        local.get $x
        local.get $i
        i32.const 4
        i32.mul
        i32.add
        v128.load align=4
        f32x4.mul
        local.get $y
        local.get $i
        i32.const 4
        i32.mul
        i32.add
        v128.load align=4
        f32x4.add
        v128.store align=4
        local.get $i
        i32.const 4
        i32.add
        local.set $i
        br 0
      end
    end
    block
      loop
        local.get $to
        local.get $i
        i32.sub
        i32.const 1
        i32.lt_u
        br_if 1
        block
          local.get $a
          local.get $x
          local.get $i
          i32.const 4
          i32.mul
          i32.add
          f32.load align=4
          f32.mul
          local.get $y
          local.get $i
          i32.const 4
          i32.mul
          i32.add
          f32.load align=4
          f32.add
          local.set $result
          br 0
        end
        local.get $out
        local.get $i
        i32.const 4
        i32.mul
        i32.add
        local.get $result
        f32.store align=4
        local.get $i
        i32.const 1
        i32.add
        local.set $i
        br 0
      end
    end
  )
)
