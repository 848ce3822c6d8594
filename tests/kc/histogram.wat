;; histogram, printed by Quern
(module
  (import "env" "memory" (memory 0))
  (import "env" "__stack_pointer" (global $stack (mut i32)))
  (func (export "qk_run") (param $args i32) (param $from i32) (param $to i32)
    (local $group i32)
    (local $x i32)
    (local $counts i32)
    (local $n i32)
    (local $t i32)
    (local $bin i32)
    (local $t.9 i32)
    (local $end i32)
    (local $i i32)
    (local $t.12 i32)
    (local $bin.13 i32)
    (local $frame i32)
    (local $15 i32)
    (local $16 i32)
    (local $17 i32)
    (local $18 i32)
    (local $19 i32)
    (local $20 i32)
    (local $21 i32)
    (local $22 i32)
    (local $23 i32)
    (local $24 i32)
    global.get $stack
    i32.const 1024
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
    local.set $counts
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
          i32.const 0
          local.set $t
          loop
            local.get $t
            local.set $bin
            block
              loop
                local.get $bin
                i32.const 256
                i32.lt_u
                i32.eqz
                br_if 1
                block
                  local.get $frame
                  local.get $bin
                  i32.const 4
                  i32.mul
                  i32.add
                  i32.const 0
                  i32.store align=4
                end
                local.get $bin
                i32.const 64
                i32.add
                local.set $bin
                br 0
              end
            end
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
            local.get $n
            local.set $15
            local.get $group
            i32.const 1
            i32.add
            i32.const 4096
            i32.mul
            local.set $16
            local.get $15
            local.get $16
            local.get $15
            local.get $16
            i32.lt_u
            select
            local.set $end
            local.get $group
            i32.const 4096
            i32.mul
            local.get $t.9
            i32.add
            local.set $i
            block
              loop
                local.get $i
                local.get $end
                i32.lt_u
                i32.eqz
                br_if 1
                block
                  local.get $frame
                  local.get $x
                  local.get $i
                  i32.add
                  i32.load8_u align=1
                  i32.const 4
                  i32.mul
                  i32.add
                  local.set $17
                  i32.const 1
                  local.set $19
                  local.get $17
                  i32.load align=4
                  local.set $18
                  local.get $17
                  local.get $18
                  local.get $19
                  i32.add
                  i32.store align=4
                  local.get $18
                  drop
                end
                local.get $i
                i32.const 64
                i32.add
                local.set $i
                br 0
              end
            end
            local.get $t.9
            i32.const 1
            i32.add
            local.set $t.9
            local.get $t.9
            i32.const 64
            i32.lt_u
            br_if 0
          end
          i32.const 0
          local.set $t.12
          loop
            local.get $t.12
            local.set $bin.13
            block
              loop
                local.get $bin.13
                i32.const 256
                i32.lt_u
                i32.eqz
                br_if 1
                block
                  local.get $frame
                  local.get $bin.13
                  i32.const 4
                  i32.mul
                  i32.add
                  i32.load align=4
                  i32.const 0
                  i32.gt_u
                  if
                    local.get $counts
                    local.get $bin.13
                    i32.const 4
                    i32.mul
                    i32.add
                    local.set $21
                    local.get $frame
                    local.get $bin.13
                    i32.const 4
                    i32.mul
                    i32.add
                    i32.load align=4
                    local.set $23
                    local.get $21
                    i32.load align=4
                    local.set $22
                    local.get $21
                    local.get $22
                    local.get $23
                    i32.add
                    i32.store align=4
                    local.get $22
                    drop
                  end
                end
                local.get $bin.13
                i32.const 64
                i32.add
                local.set $bin.13
                br 0
              end
            end
            local.get $t.12
            i32.const 1
            i32.add
            local.set $t.12
            local.get $t.12
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
    i32.const 1024
    i32.add
    global.set $stack
  )
)
