;; blur, printed by Quern
(module
  (import "env" "memory" (memory 0))
  (import "env" "__stack_pointer" (global $stack (mut i32)))
  (func (export "qk_run") (param $args i32) (param $from i32) (param $to i32)
    (local $row i32)
    (local $x i32)
    (local $y i32)
    (local $cols i32)
    (local $t i32)
    (local $at i32)
    (local $c i32)
    (local $sum v128)
    (local $k i32)
    (local $sum.12 f32)
    (local $k.13 i32)
    (local $k.14 i32)
    (local $rest v128)
    (local $frame i32)
    (local $17 i32)
    (local $18 i32)
    (local $19 i32)
    (local $20 i32)
    (local $21 v128)
    (local $22 i32)
    (local $23 i32)
    (local $24 i32)
    (local $25 v128)
    (local $26 i32)
    (local $27 i32)
    (local $28 i32)
    (local $29 v128)
    (local $30 i32)
    (local $31 v128)
    (local $32 v128)
    global.get $stack
    i32.const 48
    i32.sub
    local.tee $frame
    global.set $stack
    local.get $frame
    i32.const 0
    i32.const 12
    memory.init $tables
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
          i32.const 0
          local.set $t
          loop
            local.get $row
            local.get $cols
            i32.mul
            local.set $at
            i32.const 1
            local.set $c
            block
              loop
                local.get $c
                i32.const 4
                i32.add
                local.get $cols
                i32.lt_u
                i32.eqz
                br_if 1
                block
                  f32.const 0
                  f32x4.splat
                  local.set $sum
                  f32.const 0.25
                  f32x4.splat
                  local.get $x
                  local.get $at
                  local.get $c
                  i32.add
                  i32.const 1
                  i32.sub
                  i32.const 4
                  i32.mul
                  i32.add
                  local.set $17
                  local.get $17
                  v128.load align=4
                  f32x4.mul
                  local.get $sum
                  f32x4.add
                  local.set $sum
                  f32.const 0.5
                  f32x4.splat
                  local.get $x
                  local.get $at
                  local.get $c
                  i32.add
                  i32.const 1
                  i32.add
                  i32.const 1
                  i32.sub
                  i32.const 4
                  i32.mul
                  i32.add
                  local.set $18
                  local.get $18
                  v128.load align=4
                  f32x4.mul
                  local.get $sum
                  f32x4.add
                  local.set $sum
                  f32.const 0.25
                  f32x4.splat
                  local.get $x
                  local.get $at
                  local.get $c
                  i32.add
                  i32.const 2
                  i32.add
                  i32.const 1
                  i32.sub
                  i32.const 4
                  i32.mul
                  i32.add
                  local.set $19
                  local.get $19
                  v128.load align=4
                  f32x4.mul
                  local.get $sum
                  f32x4.add
                  local.set $sum
                  local.get $y
                  local.get $at
                  local.get $c
                  i32.add
                  i32.const 4
                  i32.mul
                  i32.add
                  local.set $20
                  local.get $sum
                  f32.const 2
                  f32x4.splat
                  f32x4.mul
                  f32.const -1
                  f32x4.splat
                  f32x4.max
                  local.set $21
                  local.get $20
                  local.get $21
                  v128.store align=4
                end
                local.get $c
                i32.const 4
                i32.add
                local.set $c
                br 0
              end
            end
            block
              loop
                local.get $c
                i32.const 1
                i32.add
                local.get $cols
                i32.lt_u
                i32.eqz
                br_if 1
                block
                  f32.const 0
                  local.set $sum.12
                  i32.const 0
                  local.set $k.13
                  block
                    loop
                      local.get $k.13
                      i32.const 3
                      i32.lt_u
                      i32.eqz
                      br_if 1
                      block
                        local.get $sum.12
                        local.get $frame
                        local.get $k.13
                        i32.const 4
                        i32.mul
                        i32.add
                        f32.load align=4
                        local.get $x
                        local.get $at
                        local.get $c
                        i32.add
                        local.get $k.13
                        i32.add
                        i32.const 1
                        i32.sub
                        i32.const 4
                        i32.mul
                        i32.add
                        f32.load align=4
                        f32.mul
                        f32.add
                        local.set $sum.12
                      end
                      local.get $k.13
                      i32.const 1
                      i32.add
                      local.set $k.13
                      br 0
                    end
                  end
                  local.get $y
                  local.get $at
                  local.get $c
                  i32.add
                  i32.const 4
                  i32.mul
                  i32.add
                  local.get $sum.12
                  f32.store align=4
                end
                local.get $c
                i32.const 1
                i32.add
                local.set $c
                br 0
              end
            end
            local.get $frame
            i32.const 0
            i32.const 16
            i32.mul
            i32.add
            local.get $x
            local.get $at
            i32.const 4
            i32.mul
            i32.add
            local.set $22
            local.get $22
            v128.load align=4
            f32.const 0.5
            f32x4.splat
            f32x4.mul
            v128.store offset=16 align=4
            local.get $frame
            i32.const 1
            i32.const 16
            i32.mul
            i32.add
            local.get $x
            local.get $at
            i32.const 4
            i32.add
            i32.const 4
            i32.mul
            i32.add
            local.set $23
            local.get $23
            v128.load align=4
            f32.const 0.5
            f32x4.splat
            f32x4.mul
            v128.store offset=16 align=4
            local.get $frame
            i32.const 0
            i32.const 16
            i32.mul
            i32.add
            local.get $frame
            i32.const 0
            i32.const 16
            i32.mul
            i32.add
            v128.load offset=16 align=4
            local.get $frame
            i32.const 1
            i32.const 16
            i32.mul
            i32.add
            v128.load offset=16 align=4
            f32x4.extract_lane 0
            f32x4.replace_lane 3
            v128.store offset=16 align=4
            local.get $y
            local.get $at
            i32.const 4
            i32.mul
            i32.add
            local.set $24
            local.get $frame
            i32.const 0
            i32.const 16
            i32.mul
            i32.add
            v128.load offset=16 align=4
            local.get $frame
            i32.const 1
            i32.const 16
            i32.mul
            i32.add
            v128.load offset=16 align=4
            f32x4.add
            local.set $25
            local.get $24
            local.get $25
            v128.store align=4
            local.get $x
            local.get $at
            local.get $c
            i32.add
            i32.const 4
            i32.mul
            i32.add
            local.set $26
            local.get $cols
            local.get $c
            i32.sub
            local.set $27
            v128.const i32x4 0 0 0 0
            local.get $27
            i32.const 0
            i32.gt_u
            if (result f32)
              local.get $26
              f32.load align=4
            else
              f32.const 0
            end
            f32x4.replace_lane 0
            local.get $27
            i32.const 1
            i32.gt_u
            if (result f32)
              local.get $26
              f32.load offset=4 align=4
            else
              f32.const 0
            end
            f32x4.replace_lane 1
            local.get $27
            i32.const 2
            i32.gt_u
            if (result f32)
              local.get $26
              f32.load offset=8 align=4
            else
              f32.const 0
            end
            f32x4.replace_lane 2
            local.get $27
            i32.const 3
            i32.gt_u
            if (result f32)
              local.get $26
              f32.load offset=12 align=4
            else
              f32.const 0
            end
            f32x4.replace_lane 3
            local.set $rest
            local.get $y
            local.get $at
            local.get $c
            i32.add
            i32.const 4
            i32.mul
            i32.add
            local.set $28
            local.get $rest
            local.set $29
            local.get $cols
            local.get $c
            i32.sub
            local.set $30
            local.get $30
            i32.const 0
            i32.gt_u
            if
              local.get $28
              local.get $29
              f32x4.extract_lane 0
              f32.store align=4
            end
            local.get $30
            i32.const 1
            i32.gt_u
            if
              local.get $28
              local.get $29
              f32x4.extract_lane 1
              f32.store offset=4 align=4
            end
            local.get $30
            i32.const 2
            i32.gt_u
            if
              local.get $28
              local.get $29
              f32x4.extract_lane 2
              f32.store offset=8 align=4
            end
            local.get $30
            i32.const 3
            i32.gt_u
            if
              local.get $28
              local.get $29
              f32x4.extract_lane 3
              f32.store offset=12 align=4
            end
            local.get $y
            local.get $at
            i32.const 4
            i32.mul
            i32.add
            local.get $rest
            local.tee $31
            local.get $31
            local.get $31
            i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7
            f32x4.add
            local.tee $31
            local.get $31
            local.get $31
            i8x16.shuffle 4 5 6 7 8 9 10 11 12 13 14 15 0 1 2 3
            f32x4.add
            f32x4.extract_lane 0
            local.get $rest
            local.tee $32
            local.get $32
            local.get $32
            i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7
            f32x4.max
            local.tee $32
            local.get $32
            local.get $32
            i8x16.shuffle 4 5 6 7 8 9 10 11 12 13 14 15 0 1 2 3
            f32x4.max
            f32x4.extract_lane 0
            f32.add
            f32.store align=4
            local.get $t
            i32.const 1
            i32.add
            local.set $t
            local.get $t
            i32.const 1
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
    i32.const 48
    i32.add
    global.set $stack
  )
  (data $tables "\00\00\80\3e\00\00\00\3f\00\00\80\3e")
)
