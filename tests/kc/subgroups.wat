;; subgroups, printed by Quern
(module
  (import "env" "memory" (memory 0))
  (import "env" "__stack_pointer" (global $stack (mut i32)))
  (func (export "qk_run") (param $args i32) (param $from i32) (param $to i32)
    (local $group i32)
    (local $x i32)
    (local $k i32)
    (local $y i32)
    (local $z i32)
    (local $t i32)
    (local $t.9 i32)
    (local $t.10 i32)
    (local $half i32)
    (local $t.12 i32)
    (local $t.13 i32)
    (local $t.14 i32)
    (local $half.15 i32)
    (local $t.16 i32)
    (local $t.17 i32)
    (local $t.18 i32)
    (local $half.19 i32)
    (local $t.20 i32)
    (local $t.21 i32)
    (local $t.22 i32)
    (local $t.23 i32)
    (local $half.24 i32)
    (local $t.25 i32)
    (local $t.26 i32)
    (local $t.27 i32)
    (local $t.28 i32)
    (local $t.29 i32)
    (local $t.30 i32)
    (local $frame i32)
    (local $32 i32)
    (local $33 i32)
    global.get $stack
    i32.const 1280
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
    local.set $k
    local.get $args
    i32.load align=4
    i32.load offset=8 align=4
    local.set $y
    local.get $args
    i32.load align=4
    i32.load offset=12 align=4
    local.set $z
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
          i32.const 0
          local.set $t
          loop
            local.get $frame
            local.get $t
            i32.const 4
            i32.mul
            i32.add
            local.get $x
            local.get $group
            i32.const 64
            i32.mul
            local.get $t
            i32.add
            i32.const 4
            i32.mul
            i32.add
            f32.load align=4
            f32.store align=4
            local.get $frame
            local.get $t
            i32.const 4
            i32.mul
            i32.add
            local.get $frame
            local.get $t
            i32.const 4
            i32.mul
            i32.add
            f32.load align=4
            f32.store offset=256 align=4
            local.get $frame
            local.get $t
            i32.const 4
            i32.mul
            i32.add
            local.get $k
            local.get $group
            i32.const 64
            i32.mul
            local.get $t
            i32.add
            i32.const 4
            i32.mul
            i32.add
            i32.load align=4
            i32.store offset=512 align=4
            local.get $t
            i32.const 1
            i32.add
            local.set $t
            local.get $t
            i32.const 64
            i32.lt_u
            br_if 0
          end
          i32.const 0
          local.set $t.9
          loop
            local.get $frame
            local.get $t.9
            i32.const 4
            i32.mul
            i32.add
            local.get $frame
            local.get $t.9
            i32.const 4
            i32.mul
            i32.add
            f32.load align=4
            f32.store offset=768 align=4
            local.get $t.9
            i32.const 1
            i32.add
            local.set $t.9
            local.get $t.9
            i32.const 64
            i32.lt_u
            br_if 0
          end
          i32.const 32
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
                local.set $t.10
                loop
                  local.get $t.10
                  local.get $half
                  i32.lt_u
                  if
                    local.get $frame
                    local.get $t.10
                    i32.const 4
                    i32.mul
                    i32.add
                    local.get $frame
                    local.get $t.10
                    i32.const 4
                    i32.mul
                    i32.add
                    f32.load offset=768 align=4
                    local.get $frame
                    local.get $t.10
                    local.get $half
                    i32.add
                    i32.const 4
                    i32.mul
                    i32.add
                    f32.load offset=768 align=4
                    f32.add
                    f32.store offset=768 align=4
                  end
                  local.get $t.10
                  i32.const 1
                  i32.add
                  local.set $t.10
                  local.get $t.10
                  i32.const 64
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
          i32.const 0
          local.set $t.12
          loop
            local.get $frame
            local.get $t.12
            i32.const 4
            i32.mul
            i32.add
            local.get $frame
            i32.const 0
            i32.const 4
            i32.mul
            i32.add
            f32.load offset=768 align=4
            f32.store align=4
            local.get $t.12
            i32.const 1
            i32.add
            local.set $t.12
            local.get $t.12
            i32.const 64
            i32.lt_u
            br_if 0
          end
          i32.const 0
          local.set $t.13
          loop
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
            f32.load offset=256 align=4
            f32.store offset=768 align=4
            local.get $t.13
            i32.const 1
            i32.add
            local.set $t.13
            local.get $t.13
            i32.const 64
            i32.lt_u
            br_if 0
          end
          i32.const 32
          local.set $half.15
          block
            loop
              local.get $half.15
              i32.const 0
              i32.gt_u
              i32.eqz
              br_if 1
              block
                i32.const 0
                local.set $t.14
                loop
                  local.get $t.14
                  local.get $half.15
                  i32.lt_u
                  if
                    local.get $frame
                    local.get $t.14
                    i32.const 4
                    i32.mul
                    i32.add
                    local.get $frame
                    local.get $t.14
                    i32.const 4
                    i32.mul
                    i32.add
                    f32.load offset=768 align=4
                    local.get $frame
                    local.get $t.14
                    local.get $half.15
                    i32.add
                    i32.const 4
                    i32.mul
                    i32.add
                    f32.load offset=768 align=4
                    f32.max
                    f32.store offset=768 align=4
                  end
                  local.get $t.14
                  i32.const 1
                  i32.add
                  local.set $t.14
                  local.get $t.14
                  i32.const 64
                  i32.lt_u
                  br_if 0
                end
              end
              local.get $half.15
              i32.const 2
              i32.div_u
              local.set $half.15
              br 0
            end
          end
          i32.const 0
          local.set $t.16
          loop
            local.get $frame
            local.get $t.16
            i32.const 4
            i32.mul
            i32.add
            local.get $frame
            i32.const 0
            i32.const 4
            i32.mul
            i32.add
            f32.load offset=768 align=4
            f32.store offset=256 align=4
            local.get $t.16
            i32.const 1
            i32.add
            local.set $t.16
            local.get $t.16
            i32.const 64
            i32.lt_u
            br_if 0
          end
          i32.const 0
          local.set $t.17
          loop
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
            i32.load offset=512 align=4
            i32.store offset=1024 align=4
            local.get $t.17
            i32.const 1
            i32.add
            local.set $t.17
            local.get $t.17
            i32.const 64
            i32.lt_u
            br_if 0
          end
          i32.const 32
          local.set $half.19
          block
            loop
              local.get $half.19
              i32.const 0
              i32.gt_u
              i32.eqz
              br_if 1
              block
                i32.const 0
                local.set $t.18
                loop
                  local.get $t.18
                  local.get $half.19
                  i32.lt_u
                  if
                    local.get $frame
                    local.get $t.18
                    i32.const 4
                    i32.mul
                    i32.add
                    local.get $frame
                    local.get $t.18
                    i32.const 4
                    i32.mul
                    i32.add
                    i32.load offset=1024 align=4
                    local.set $32
                    local.get $frame
                    local.get $t.18
                    local.get $half.19
                    i32.add
                    i32.const 4
                    i32.mul
                    i32.add
                    i32.load offset=1024 align=4
                    local.set $33
                    local.get $32
                    local.get $33
                    local.get $32
                    local.get $33
                    i32.lt_s
                    select
                    i32.store offset=1024 align=4
                  end
                  local.get $t.18
                  i32.const 1
                  i32.add
                  local.set $t.18
                  local.get $t.18
                  i32.const 64
                  i32.lt_u
                  br_if 0
                end
              end
              local.get $half.19
              i32.const 2
              i32.div_u
              local.set $half.19
              br 0
            end
          end
          i32.const 0
          local.set $t.20
          loop
            local.get $frame
            local.get $t.20
            i32.const 4
            i32.mul
            i32.add
            local.get $frame
            i32.const 0
            i32.const 4
            i32.mul
            i32.add
            i32.load offset=1024 align=4
            i32.store offset=512 align=4
            local.get $t.20
            i32.const 1
            i32.add
            local.set $t.20
            local.get $t.20
            i32.const 64
            i32.lt_u
            br_if 0
          end
          i32.const 0
          local.set $t.21
          loop
            local.get $y
            local.get $group
            i32.const 64
            i32.mul
            local.get $t.21
            i32.add
            i32.const 4
            i32.mul
            i32.add
            local.get $x
            local.get $group
            i32.const 64
            i32.mul
            local.get $t.21
            i32.add
            i32.const 4
            i32.mul
            i32.add
            f32.load align=4
            local.get $frame
            local.get $t.21
            i32.const 4
            i32.mul
            i32.add
            f32.load offset=256 align=4
            f32.sub
            local.get $frame
            local.get $t.21
            i32.const 4
            i32.mul
            i32.add
            f32.load align=4
            f32.div
            f32.store align=4
            local.get $z
            local.get $group
            i32.const 64
            i32.mul
            local.get $t.21
            i32.add
            i32.const 4
            i32.mul
            i32.add
            local.get $frame
            local.get $t.21
            i32.const 4
            i32.mul
            i32.add
            i32.load offset=512 align=4
            i32.store align=4
            local.get $t.21
            i32.const 1
            i32.add
            local.set $t.21
            local.get $t.21
            i32.const 64
            i32.lt_u
            br_if 0
          end
          i32.const 0
          local.set $t.22
          loop
            local.get $frame
            local.get $t.22
            i32.const 4
            i32.mul
            i32.add
            local.get $frame
            local.get $t.22
            i32.const 4
            i32.mul
            i32.add
            i32.load offset=512 align=4
            i32.store offset=1024 align=4
            local.get $t.22
            i32.const 1
            i32.add
            local.set $t.22
            local.get $t.22
            i32.const 64
            i32.lt_u
            br_if 0
          end
          i32.const 8
          local.set $half.24
          block
            loop
              local.get $half.24
              i32.const 0
              i32.gt_u
              i32.eqz
              br_if 1
              block
                i32.const 0
                local.set $t.23
                loop
                  local.get $t.23
                  i32.const 15
                  i32.and
                  local.get $half.24
                  i32.lt_u
                  if
                    local.get $frame
                    local.get $t.23
                    i32.const 4
                    i32.mul
                    i32.add
                    local.get $frame
                    local.get $t.23
                    i32.const 4
                    i32.mul
                    i32.add
                    i32.load offset=1024 align=4
                    local.get $frame
                    local.get $t.23
                    local.get $half.24
                    i32.add
                    i32.const 4
                    i32.mul
                    i32.add
                    i32.load offset=1024 align=4
                    i32.add
                    i32.store offset=1024 align=4
                  end
                  local.get $t.23
                  i32.const 1
                  i32.add
                  local.set $t.23
                  local.get $t.23
                  i32.const 64
                  i32.lt_u
                  br_if 0
                end
              end
              local.get $half.24
              i32.const 2
              i32.div_u
              local.set $half.24
              br 0
            end
          end
          i32.const 0
          local.set $t.25
          loop
            local.get $frame
            local.get $t.25
            i32.const 4
            i32.mul
            i32.add
            local.get $frame
            local.get $t.25
            i32.const -16
            i32.and
            i32.const 4
            i32.mul
            i32.add
            i32.load offset=1024 align=4
            i32.store offset=512 align=4
            local.get $t.25
            i32.const 1
            i32.add
            local.set $t.25
            local.get $t.25
            i32.const 64
            i32.lt_u
            br_if 0
          end
          i32.const 0
          local.set $t.26
          loop
            local.get $frame
            local.get $t.26
            i32.const 4
            i32.mul
            i32.add
            local.get $frame
            local.get $t.26
            i32.const 4
            i32.mul
            i32.add
            f32.load offset=256 align=4
            f32.store offset=768 align=4
            local.get $t.26
            i32.const 1
            i32.add
            local.set $t.26
            local.get $t.26
            i32.const 64
            i32.lt_u
            br_if 0
          end
          i32.const 0
          local.set $t.27
          loop
            local.get $frame
            local.get $t.27
            i32.const 4
            i32.mul
            i32.add
            local.get $frame
            local.get $t.27
            i32.const -8
            i32.and
            i32.const 3
            i32.add
            i32.const 4
            i32.mul
            i32.add
            f32.load offset=768 align=4
            f32.store offset=256 align=4
            local.get $t.27
            i32.const 1
            i32.add
            local.set $t.27
            local.get $t.27
            i32.const 64
            i32.lt_u
            br_if 0
          end
          i32.const 0
          local.set $t.28
          loop
            local.get $frame
            local.get $t.28
            i32.const 4
            i32.mul
            i32.add
            local.get $frame
            local.get $t.28
            i32.const 4
            i32.mul
            i32.add
            f32.load align=4
            f32.store offset=768 align=4
            local.get $t.28
            i32.const 1
            i32.add
            local.set $t.28
            local.get $t.28
            i32.const 64
            i32.lt_u
            br_if 0
          end
          i32.const 0
          local.set $t.29
          loop
            local.get $frame
            local.get $t.29
            i32.const 4
            i32.mul
            i32.add
            local.get $frame
            local.get $t.29
            i32.const 5
            i32.xor
            i32.const 4
            i32.mul
            i32.add
            f32.load offset=768 align=4
            f32.store align=4
            local.get $t.29
            i32.const 1
            i32.add
            local.set $t.29
            local.get $t.29
            i32.const 64
            i32.lt_u
            br_if 0
          end
          i32.const 0
          local.set $t.30
          loop
            local.get $frame
            local.get $t.30
            i32.const 4
            i32.mul
            i32.add
            i32.load offset=512 align=4
            i32.const 0
            i32.gt_s
            if
              local.get $y
              local.get $group
              i32.const 64
              i32.mul
              local.get $t.30
              i32.add
              i32.const 4
              i32.mul
              i32.add
              local.get $frame
              local.get $t.30
              i32.const 4
              i32.mul
              i32.add
              f32.load offset=256 align=4
              local.get $frame
              local.get $t.30
              i32.const 4
              i32.mul
              i32.add
              f32.load align=4
              f32.add
              f32.store align=4
            end
            local.get $t.30
            i32.const 1
            i32.add
            local.set $t.30
            local.get $t.30
            i32.const 64
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
    i32.const 1280
    i32.add
    global.set $stack
  )
)
